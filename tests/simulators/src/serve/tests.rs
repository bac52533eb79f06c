use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::wire::Request;

/// Answers by path, so that each kind of reply can be asked for.
struct Script;

impl Simulator for Script {
    fn answer(&self, request: &Request, _now: Timestamp) -> Reply {
        let response = http::Response::new(Bytes::from(format!("{}{}", "x".repeat(100), request.body().len())));
        match request.uri().path() {
            "/late" => Reply::Late(Duration::from_millis(30), response),
            "/silence" => Reply::Silence,
            "/reset" => Reply::Reset,
            "/truncated" => Reply::Truncated(response, 10),
            _ => Reply::Answer(response),
        }
    }
}

async fn served() -> Served {
    serve(Arc::new(Script), SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
        .await
        .unwrap()
}

/// Sends raw bytes and reads until the server closes, or until `enough` bytes came.
async fn talk(socket: &mut TcpStream, sent: &str, enough: usize) -> String {
    socket.write_all(sent.as_bytes()).await.unwrap();
    let mut got = Vec::new();
    let mut buffer = [0_u8; 4096];
    while got.len() < enough {
        match socket.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(count) => got.extend_from_slice(&buffer[..count]),
        }
    }
    String::from_utf8(got).unwrap()
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

#[tokio::test]
async fn keeps_the_connection_for_the_next_request() {
    let server = served().await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    let first = talk(&mut socket, &get("/a"), 150).await;
    assert!(first.starts_with("HTTP/1.1 200") && first.ends_with("x0"), "{first}");
    let second = talk(
        &mut socket,
        "POST /b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc",
        150,
    )
    .await;
    assert!(second.ends_with("x3"), "the body reaches the simulator: {second}");
}

#[tokio::test]
async fn reset_closes_without_a_byte() {
    let server = served().await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(talk(&mut socket, &get("/reset"), usize::MAX).await, "");
}

#[tokio::test]
async fn truncated_announces_more_than_it_sends() {
    let server = served().await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    let got = talk(&mut socket, &get("/truncated"), usize::MAX).await;
    let (head, body) = got.split_once("\r\n\r\n").unwrap();
    assert!(head.to_lowercase().contains("content-length: 101"), "{head}");
    assert_eq!(body, "x".repeat(10));
}

#[tokio::test]
async fn late_comes_and_silence_does_not() {
    let server = served().await;
    let mut late = TcpStream::connect(server.address).await.unwrap();
    assert!(talk(&mut late, &get("/late"), 150).await.starts_with("HTTP/1.1 200"));
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    let nothing = tokio::time::timeout(Duration::from_millis(60), talk(&mut silent, &get("/silence"), 1)).await;
    assert!(nothing.is_err(), "a silent call gets no byte: {nothing:?}");
}

#[tokio::test]
async fn shutdown_closes_open_connections() {
    let server = served().await;
    let address = server.address;
    let mut socket = TcpStream::connect(address).await.unwrap();
    talk(&mut socket, &get("/a"), 150).await;
    server.shutdown().await;
    assert_eq!(talk(&mut socket, &get("/a"), 1).await, "");
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn refuses_an_address_that_others_can_reach() {
    let outcome = serve(Arc::new(Script), SocketAddr::from(([0, 0, 0, 0], 0))).await;
    assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::InvalidInput);
}
