//! API Gateway's request as the door's, and the door's answer back.

use bytes::Bytes;
use http::HeaderValue;
use lambda_http::{Body, Request, RequestExt as _, Response};
use rollcall_inbound::{DoorReply, DoorRequest};

/// The request as the door takes it. Base64 is decoded by then; the path has no stage before it.
pub fn request(request: Request) -> DoorRequest {
    let path = match request.raw_http_path() {
        "" => request.uri().path(),
        raw => raw,
    };
    let path = path.to_owned();
    let (parts, body) = request.into_parts();
    let body = match body {
        Body::Text(text) => Bytes::from(text),
        Body::Binary(bytes) => Bytes::from(bytes),
        _ => Bytes::new(),
    };
    DoorRequest {
        method: parts.method,
        path,
        headers: parts.headers,
        body,
    }
}

/// The answer as API Gateway takes it.
pub fn response(reply: DoorReply) -> Response<Body> {
    // Every body of a door is text of ours or a challenge that was text.
    let body = match String::from_utf8(reply.body.into()) {
        Ok(text) if text.is_empty() => Body::Empty,
        Ok(text) => Body::Text(text),
        Err(why) => Body::Binary(why.into_bytes()),
    };
    let mut response = Response::new(body);
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    // Nothing between the door and the sender may keep an answer.
    response
        .headers_mut()
        .insert(http::header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// An event as an HTTP API sends it (payload format 2.0), as the runtime reads it.
    fn event(stage: &str, body: &str, encoded: bool) -> Request {
        let event = json!({
            "version": "2.0", "routeKey": "POST /okta", "rawPath": "/okta", "rawQueryString": "a=b",
            "headers": {"authorization": "Bearer one", "x-okta-verification-challenge": "c"},
            "requestContext": {
                "accountId": "1", "apiId": "a", "domainName": "hooks.example.com", "domainPrefix": "hooks", "stage": stage,
                "requestId": "r", "routeKey": "POST /okta", "time": "02/Mar/2026:12:00:00 +0000", "timeEpoch": 1,
                "http": {"method": "POST", "path": "/okta", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "x"},
            },
            "body": body, "isBase64Encoded": encoded,
        });
        lambda_http::request::from_str(&event.to_string()).unwrap()
    }

    #[test]
    fn an_event_becomes_the_request_that_was_sent() {
        for stage in ["$default", "prod"] {
            let sent = request(event(stage, "{\"é\":1}", false));
            assert_eq!((sent.method.as_str(), sent.path.as_str()), ("POST", "/okta"));
            assert_eq!(sent.headers["authorization"], "Bearer one");
            assert_eq!(sent.headers["x-okta-verification-challenge"], "c");
            assert_eq!(&sent.body[..], "{\"é\":1}".as_bytes());
        }
    }

    #[test]
    fn an_encoded_body_is_decoded() {
        assert_eq!(&request(event("$default", "AP/+", true)).body[..], b"\x00\xff\xfe");
        assert_eq!(&request(event("$default", "", true)).body[..], b"");
    }

    #[test]
    fn an_answer_keeps_its_status_headers_and_body() {
        let mut reply = DoorReply {
            status: http::StatusCode::OK,
            headers: http::HeaderMap::new(),
            body: Bytes::from_static(b"{\"verification\":\"c\"}"),
        };
        reply
            .headers
            .insert("content-type", HeaderValue::from_static("application/json"));
        let sent = response(reply);
        assert_eq!(sent.status(), 200);
        assert_eq!(sent.headers()["content-type"], "application/json");
        assert_eq!(sent.headers()["cache-control"], "no-store");
        assert!(matches!(sent.body(), Body::Text(text) if text == "{\"verification\":\"c\"}"));
    }
}
