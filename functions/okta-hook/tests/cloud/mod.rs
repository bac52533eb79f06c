//! What surrounds a function in the cloud, as far as a hook function sees it: Lambda's Runtime API (*AWS Lambda Developer
//! Guide*, "Using the Lambda runtime API") and SQS (*Amazon SQS API Reference*, JSON protocol), on one loopback port.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// The value of the hook's header.
pub(crate) const SECRET: &str = "Bearer planted-secret";

#[derive(Default)]
struct State {
    events: VecDeque<Value>,
    answers: VecDeque<Value>,
    /// Each call to SQS: its target and its body.
    calls: Vec<(String, Value)>,
    refuse_sends: bool,
}

/// The cloud and the function in it. Dropping it ends the function.
pub(crate) struct Cloud {
    shared: Arc<(Mutex<State>, Condvar)>,
    function: Child,
}

impl Drop for Cloud {
    fn drop(&mut self) {
        let _ = self.function.kill();
        let _ = self.function.wait();
    }
}

impl Cloud {
    /// Starts a function of this binary; `changes` go over the usual environment.
    pub(crate) fn start(binary: &str, changes: &[(&str, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shared: Arc<(Mutex<State>, Condvar)> = Arc::default();
        let serving = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = serving.clone();
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        let queue = |lane: &str| format!("http://{address}/1/{lane}");
        let function = Command::new(binary)
            .env_clear()
            .envs([
                ("AWS_LAMBDA_RUNTIME_API", address.as_str()),
                ("AWS_LAMBDA_FUNCTION_NAME", "hook"),
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
                ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
                ("AWS_ENDPOINT_URL", &format!("http://{address}")),
                ("AWS_REGION", "eu-west-1"),
                ("AWS_ACCESS_KEY_ID", "example"),
                ("AWS_SECRET_ACCESS_KEY", "example"),
                ("ROLLCALL_CONNECTION", "main"),
                ("ROLLCALL_HOOK_SECRET", "env:HOOK_SECRET"),
                ("HOOK_SECRET", SECRET),
                ("ROLLCALL_QUEUE_URGENT", &queue("urgent")),
                ("ROLLCALL_QUEUE_WORK", &queue("work")),
                ("ROLLCALL_QUEUE_BULK", &queue("bulk")),
                ("ROLLCALL_BUCKET", "files"),
            ])
            .envs(changes.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self { shared, function }
    }

    /// Lets the function handle one request; its answer.
    pub(crate) fn invoke(&self, method: &str, path: &str, headers: &Value, body: &str, encoded: bool) -> Value {
        let event = json!({
            "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "", "headers": headers,
            "requestContext": {
                "accountId": "1", "apiId": "a", "domainName": "hooks.example.com", "domainPrefix": "hooks",
                "requestId": "r", "routeKey": "$default", "stage": "$default", "time": "02/Mar/2026:12:00:00 +0000", "timeEpoch": 1,
                "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "x"},
            },
            "body": body, "isBase64Encoded": encoded,
        });
        let (state, changed) = &*self.shared;
        state.lock().unwrap().events.push_back(event);
        changed.notify_all();
        let wait = Duration::from_secs(30);
        let (mut state, late) = changed
            .wait_timeout_while(state.lock().unwrap(), wait, |state| state.answers.is_empty())
            .unwrap();
        assert!(!late.timed_out(), "the function did not answer");
        state.answers.pop_front().unwrap()
    }

    /// The calls to SQS so far: the last part of the target and the body.
    pub(crate) fn calls(&self) -> Vec<(String, Value)> {
        self.shared.0.lock().unwrap().calls.clone()
    }

    /// Makes SQS take nothing from now on.
    pub(crate) fn refuse_sends(&self) {
        self.shared.0.lock().unwrap().refuse_sends = true;
    }

    /// Ends the function; everything it wrote.
    pub(crate) fn end(mut self) -> String {
        let _ = self.function.kill();
        self.output()
    }

    /// Waits until the function ends by itself: whether it succeeded, and everything it wrote.
    pub(crate) fn ended(mut self) -> (bool, String) {
        let until = Instant::now() + Duration::from_secs(30);
        let status = loop {
            match self.function.try_wait().unwrap() {
                Some(status) => break status,
                None => assert!(Instant::now() < until, "the function did not end"),
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        (status.success(), self.output())
    }

    fn output(&mut self) -> String {
        let mut text = String::new();
        self.function.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        self.function.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        text
    }
}

fn serve(stream: TcpStream, shared: &(Mutex<State>, Condvar)) {
    let mut writer = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    while let Some((path, target, body)) = read_request(&mut reader) {
        let (status, headers, answer) = answer(&path, target, &body, shared);
        let length = answer.len();
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\ncontent-type: application/x-amz-json-1.0\r\n{headers}\r\n"
        );
        if writer
            .write_all(head.as_bytes())
            .and_then(|()| writer.write_all(answer.as_bytes()))
            .is_err()
        {
            return;
        }
    }
}

fn answer(path: &str, target: Option<String>, body: &[u8], shared: &(Mutex<State>, Condvar)) -> (u16, String, String) {
    let (state, changed) = shared;
    if let Some(target) = target {
        let call: Value = serde_json::from_slice(body).unwrap();
        let entries = call["Entries"].as_array().cloned().unwrap_or_default();
        let taken = |entry: &Value| json!({"Id": entry["Id"], "MessageId": "m", "MD5OfMessageBody": "0"});
        let refused = |entry: &Value| json!({"Id": entry["Id"], "Code": "InternalError", "SenderFault": false});
        let mut state = state.lock().unwrap();
        state.calls.push((target, call));
        let (successful, failed): (Vec<Value>, Vec<Value>) = if state.refuse_sends {
            (Vec::new(), entries.iter().map(refused).collect())
        } else {
            (entries.iter().map(taken).collect(), Vec::new())
        };
        return (
            200,
            String::new(),
            json!({"Successful": successful, "Failed": failed, "Attributes": {}}).to_string(),
        );
    }
    if path.ends_with("/invocation/next") {
        let mut state = changed
            .wait_while(state.lock().unwrap(), |state| state.events.is_empty())
            .unwrap();
        let event = state.events.pop_front().unwrap();
        let headers = "lambda-runtime-aws-request-id: request-1\r\nlambda-runtime-deadline-ms: 4102444800000\r\n\
            lambda-runtime-invoked-function-arn: arn:aws:lambda:eu-west-1:1:function:hook\r\n";
        return (200, headers.to_owned(), event.to_string());
    }
    let answer = serde_json::from_slice(body).unwrap_or(Value::Null);
    state
        .lock()
        .unwrap()
        .answers
        .push_back(json!({"path": path, "answer": answer}));
    changed.notify_all();
    (202, String::new(), "{}".to_owned())
}

/// The next request's path, its SQS target if it has one, and its body.
fn read_request(reader: &mut BufReader<TcpStream>) -> Option<(String, Option<String>, Vec<u8>)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let (mut target, mut length) = (None, 0);
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "x-amz-target" => target = value.rsplit('.').next().map(str::to_owned),
            "content-length" => length = value.trim().parse().ok()?,
            // The runtime's client sends chunks only when it streams an answer, which no hook function does.
            "transfer-encoding" => panic!("a chunked body"),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((path, target, body))
}
