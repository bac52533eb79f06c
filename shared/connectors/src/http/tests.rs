use http::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// What the peer does with each connection.
enum Peer {
    Answer(&'static [u8]),
    Silence,
}

async fn peer(peer: Peer) -> (String, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/x", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.windows(4).any(|four| four == b"\r\n\r\n") {
            let mut some = [0; 1024];
            let read = stream.read(&mut some).await.unwrap();
            head.extend_from_slice(&some[..read]);
        }
        match peer {
            Peer::Answer(answer) => stream.write_all(answer).await.unwrap(),
            Peer::Silence => {
                // Holds the connection open until the client lets go of it.
                let _ = stream.read(&mut [0; 16]).await;
            }
        }
        String::from_utf8(head).unwrap()
    });
    (address, task)
}

fn get(address: &str) -> HttpRequest {
    http::Request::builder()
        .method(Method::GET)
        .uri(address)
        .body(Bytes::new())
        .unwrap()
}

const LONG: Duration = Duration::from_secs(5);

#[tokio::test]
async fn answers_come_back_whole_and_redirects_are_not_followed() {
    let (address, task) = peer(Peer::Answer(
        b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\nx-a: b\r\ncontent-length: 2\r\n\r\nhi",
    ))
    .await;
    let answer = ReqwestTransport::default().send(get(&address), LONG).await.unwrap();
    assert_eq!(answer.status(), 302);
    assert_eq!(answer.headers()["x-a"], "b");
    assert_eq!(answer.body().as_ref(), b"hi");
    let sent = task.await.unwrap().to_lowercase();
    assert!(sent.contains("user-agent: rollcall/"), "{sent}");
}

#[tokio::test]
async fn what_was_never_sent_is_told_from_what_broke_and_what_took_too_long() {
    let transport = ReqwestTransport::default();
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let closed = transport.send(get(&format!("http://{free}/")), LONG).await.unwrap_err();
    assert!(matches!(closed, TransportError::Connect(_)), "{closed:?}");

    let (address, _task) = peer(Peer::Answer(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")).await;
    let cut = transport.send(get(&address), LONG).await.unwrap_err();
    assert!(matches!(cut, TransportError::Broken(_)), "{cut:?}");

    let (address, _task) = peer(Peer::Answer(b"")).await;
    let reset = transport.send(get(&address), LONG).await.unwrap_err();
    assert!(matches!(reset, TransportError::Broken(_)), "{reset:?}");

    let (address, _task) = peer(Peer::Silence).await;
    let short = Duration::from_millis(60);
    let silent = transport.send(get(&address), short).await.unwrap_err();
    assert_eq!(silent, TransportError::Timeout(short));
}

#[tokio::test]
async fn large_bodies_are_refused_announced_or_not() {
    let transport = ReqwestTransport::new(HttpSettings {
        largest_body: Some(4),
        ..HttpSettings::default()
    });
    for answer in [
        &b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n12345"[..],
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\n123\r\n2\r\n45\r\n0\r\n\r\n",
    ] {
        let (address, _task) = peer(Peer::Answer(answer)).await;
        let refused = transport.send(get(&address), LONG).await.unwrap_err();
        assert_eq!(refused, TransportError::TooLarge(4));
    }
}

#[tokio::test]
async fn plain_http_leaves_this_machine_only_when_allowed() {
    let transport = ReqwestTransport::default();
    for address in ["http://id.example.com/", "ftp://127.0.0.1/", "http://192.0.2.1/"] {
        let refused = transport.send(get(address), LONG).await.unwrap_err();
        assert!(
            matches!(&refused, TransportError::Connect(why) if why.contains("not https")),
            "{address}: {refused:?}"
        );
    }
}
