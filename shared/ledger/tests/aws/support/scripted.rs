//! A server that gives the answers it was told to, one a request, the last one for ever.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// An HTTP answer in AWS's JSON protocol.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    status: u16,
    body: String,
}

impl Reply {
    /// Success.
    pub(crate) fn ok(body: impl Into<String>) -> Self {
        Self {
            status: 200,
            body: body.into(),
        }
    }

    /// Whatever is to be answered.
    pub(crate) fn answer(status: u16, body: impl Into<String>) -> Self {
        Self {
            status,
            body: body.into(),
        }
    }

    /// An error of the service, with further members (`,"Name":…`).
    pub(crate) fn error(code: &str, members: &str) -> Self {
        let body = format!("{{\"__type\":\"com.amazonaws.test#{code}\",\"message\":\"told to\"{members}}}");
        Self { status: 400, body }
    }
}

/// The server; it lives as long as the test's runtime.
pub(crate) struct Scripted {
    /// Its address.
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    /// Starts one with its answers.
    pub(crate) async fn with(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let replies = Arc::new(Mutex::new(VecDeque::from(replies)));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let requests = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, Arc::clone(&replies), Arc::clone(&requests)));
            }
        });
        Self { url, seen }
    }

    /// The bodies of the requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

async fn converse(mut stream: TcpStream, replies: Arc<Mutex<VecDeque<Reply>>>, seen: Arc<Mutex<Vec<String>>>) {
    let mut received = Vec::new();
    while let Some(body) = next_request(&mut stream, &mut received).await {
        seen.lock().unwrap().push(body);
        let reply = {
            let mut replies = replies.lock().unwrap();
            if replies.len() > 1 {
                replies.pop_front().unwrap()
            } else {
                replies[0].clone()
            }
        };
        let head = format!(
            "HTTP/1.1 {} Told\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {}\r\n\r\n",
            reply.status,
            reply.body.len()
        );
        if stream.write_all((head + &reply.body).as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn next_request(stream: &mut TcpStream, received: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&received[..end]).to_ascii_lowercase();
            let length: usize = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length:"))
                .map_or(0, |length| length.trim().parse().unwrap());
            if received.len() >= end + 4 + length {
                let body = String::from_utf8_lossy(&received[end + 4..end + 4 + length]).into_owned();
                received.drain(..end + 4 + length);
                return Some(body);
            }
        }
        let mut buffer = vec![0; 16 * 1024];
        match stream.read(&mut buffer).await {
            Ok(size @ 1..) => received.extend_from_slice(&buffer[..size]),
            _ => return None,
        }
    }
}
