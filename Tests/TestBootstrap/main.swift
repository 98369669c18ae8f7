// A bootstrap that behaves as badly as the tests ask. How it starts is told by MODE; what it does with an invocation is
// the text of the payload, a JSON string such as "crash"; any other payload is sent back.
import Glibc
import HTTPWire

func variable(_ name: String) -> String { getenv(name).map { String(cString: $0) } ?? "" }

func say(_ text: String) {
  let bytes = Array("\(text)\n".utf8)
  _ = write(STDOUT_FILENO, bytes, bytes.count)
}

func waitForever() -> Never {
  while true { pause() }
}

switch variable("MODE") {
case "exit-at-start": exit(3)
case "hang-at-start": waitForever()
case "remote":
  // The test is the runtime.
  say("runtime api \(variable("AWS_LAMBDA_RUNTIME_API")) concurrency \(variable("AWS_LAMBDA_MAX_CONCURRENCY"))")
  waitForever()
case "deaf":
  // Not even asked politely does it end.
  signal(SIGTERM, SIG_IGN)
case "init-error":
  let answer = RuntimeClient(variable("AWS_LAMBDA_RUNTIME_API")).post(
    "init/error", Array(#"{"errorMessage":"no table","errorType":"ConfigurationError"}"#.utf8),
    headers: [("Lambda-Runtime-Function-Error-Type", "Runtime.NoTable")])
  say("init/error answered \(answer.status)")
  exit(1)
case "garbage":
  let client = RuntimeClient(variable("AWS_LAMBDA_RUNTIME_API"))
  client.write(Array("\u{1}\u{2} this is no HTTP\r\n\r\n".utf8))
  say("garbage answered \(client.read().status)")
  exit(4)
case "answer-first":
  let client = RuntimeClient(variable("AWS_LAMBDA_RUNTIME_API"))
  say("early answer \(client.post("invocation/none/response", []).status)")
default: break
}

let client = RuntimeClient(variable("AWS_LAMBDA_RUNTIME_API"))
while true {
  let invocation = client.next()
  guard invocation.status == 200, let id = invocation.headers["lambda-runtime-aws-request-id"] else {
    say("next answered \(invocation.status)")
    exit(5)
  }
  let command = String(decoding: invocation.body, as: UTF8.self).filter { $0 != "\"" }
  client.perform(command, invocation, respond: "invocation/\(id)/response", fail: "invocation/\(id)/error")
}
