//! What surrounds a function in the cloud, as far as worker, clock and seal see it, on one loopback port: Lambda's Runtime API (*AWS
//! Lambda Developer Guide*, "Using the Lambda runtime API"), DynamoDB, SQS and KMS (JSON protocols) and S3 (REST). The services
//! are empty and take everything, unless told to refuse.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// How long an invocation may take.
const INVOCATION: Duration = Duration::from_mins(1);

#[derive(Default)]
struct State {
    events: VecDeque<Value>,
    answers: VecDeque<Value>,
    /// Each call to a service, in order: what was called, and its body.
    calls: Vec<(String, Value)>,
    /// What DynamoDB answers to a call instead of success.
    replies: BTreeMap<String, (u16, Value)>,
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
        let queue = |lane: &str| format!("http://{address}/1/rc-{lane}");
        let function = Command::new(binary)
            .env_clear()
            .envs([
                ("AWS_LAMBDA_RUNTIME_API", address.as_str()),
                ("AWS_LAMBDA_FUNCTION_NAME", "function"),
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
                ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
                ("AWS_ENDPOINT_URL", &format!("http://{address}")),
                ("AWS_REGION", "eu-west-1"),
                ("AWS_ACCESS_KEY_ID", "example"),
                ("AWS_SECRET_ACCESS_KEY", "example"),
                ("ROLLCALL_QUEUE_URGENT", &queue("urgent")),
                ("ROLLCALL_QUEUE_WORK", &queue("work")),
                ("ROLLCALL_QUEUE_BULK", &queue("bulk")),
                ("ROLLCALL_BUCKET", "files"),
                ("ROLLCALL_TABLE", "table"),
            ])
            .envs(changes.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self { shared, function }
    }

    /// Lets DynamoDB answer to a call from now on.
    pub(crate) fn reply(&self, call: &str, status: u16, body: Value) {
        let mut state = self.shared.0.lock().unwrap();
        state.replies.insert(call.to_owned(), (status, body));
    }

    /// Lets the function handle one event: its answer and the path that it was posted to.
    pub(crate) fn invoke(&self, event: Value) -> Value {
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

    /// The calls to the services so far.
    pub(crate) fn calls(&self) -> Vec<(String, Value)> {
        self.shared.0.lock().unwrap().calls.clone()
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

struct Request {
    method: String,
    path: String,
    /// The call in the JSON protocols: `DynamoDB_20120810.PutItem` is `PutItem`.
    call: Option<String>,
    body: Vec<u8>,
}

fn serve(stream: TcpStream, shared: &(Mutex<State>, Condvar)) {
    let mut writer = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader) {
        let (status, headers, answer) = answer(&request, shared);
        let length = answer.len();
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\ncontent-type: application/x-amz-json-1.0\r\n{headers}\r\n"
        );
        let sent = writer.write_all(head.as_bytes());
        if sent.and_then(|()| writer.write_all(answer.as_bytes())).is_err() {
            return;
        }
    }
}

fn answer(request: &Request, shared: &(Mutex<State>, Condvar)) -> (u16, String, String) {
    let (state, changed) = shared;
    if let Some(call) = &request.call {
        let mut state = state.lock().unwrap();
        let body = serde_json::from_slice(&request.body).unwrap();
        let usual = usual(call, &body);
        state.calls.push((call.clone(), body));
        let (status, reply) = state.replies.get(call).cloned().unwrap_or(usual);
        return (status, String::new(), reply.to_string());
    }
    if request.path.starts_with("/2018-06-01/runtime/") {
        if request.path.ends_with("/invocation/next") {
            let waiting = state.lock().unwrap();
            let mut state = changed.wait_while(waiting, |state| state.events.is_empty()).unwrap();
            let event = state.events.pop_front().unwrap();
            let deadline = SystemTime::now() + INVOCATION;
            let deadline = deadline.duration_since(UNIX_EPOCH).unwrap().as_millis();
            let headers = format!(
                "lambda-runtime-aws-request-id: request-1\r\nlambda-runtime-deadline-ms: {deadline}\r\n\
                lambda-runtime-invoked-function-arn: arn:aws:lambda:eu-west-1:1:function:function\r\n"
            );
            return (200, headers, event.to_string());
        }
        let answer = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        let answer = json!({"path": request.path, "answer": answer});
        state.lock().unwrap().answers.push_back(answer);
        changed.notify_all();
        return (202, String::new(), "{}".to_owned());
    }
    let path = request.path.split('?').next().unwrap_or_default();
    let call = (format!("{} {path}", request.method), Value::Null);
    state.lock().unwrap().calls.push(call);
    (200, String::new(), String::new())
}

/// What a service answers that was told nothing else. KMS has an Ed25519 key (RFC 8410, section 10.1), a key of another kind, and
/// does not know `alias/none`.
fn usual(call: &str, body: &Value) -> (u16, Value) {
    if call != "GetPublicKey" {
        return (200, json!({}));
    }
    match body["KeyId"].as_str().unwrap_or_default() {
        "alias/none" => (400, json!({"__type": "NotFoundException", "message": "no such alias"})),
        key => {
            let spec = if key == "alias/rsa" {
                "RSA_2048"
            } else {
                "ECC_NIST_EDWARDS25519"
            };
            let public = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";
            (
                200,
                json!({"KeyId": key, "KeySpec": spec, "KeyUsage": "SIGN_VERIFY", "PublicKey": public}),
            )
        }
    }
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let mut words = line.split(' ').map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let (mut call, mut length) = (None, 0);
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "x-amz-target" => call = value.trim().rsplit('.').next().map(str::to_owned),
            "content-length" => length = value.trim().parse().ok()?,
            // The runtime's client sends chunks only when it streams an answer, which no function of ours does.
            "transfer-encoding" => panic!("a chunked body"),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request {
        method,
        path,
        call,
        body,
    })
}
