import Glibc
import HTTPWire

extension RuntimeClient {
  /// What an invocation may ask for.
  func perform(_ command: String, _ invocation: Answer, respond: String, fail: String) {
    let done = Array(#""done""#.utf8)
    switch command {
    case "crash": exit(7)
    case "kill-itself": kill(getpid(), SIGKILL)
    case "hang":
      say("hangs as \(getpid())")
      waitForever()
    case "error":
      _ = post(
        fail, Array(#"{"errorMessage":"broken","errorType":"Broken"}"#.utf8),
        headers: [("Lambda-Runtime-Function-Error-Type", "Function.Broken")])
    case "garbage-error": _ = post(fail, Array("not JSON".utf8))
    case "answer-twice":
      _ = post(respond, done)
      say("second answer \(post(respond, done).status)")
    case "wrong-id":
      say("wrong id \(post("invocation/12345/response", done).status)")
      _ = post(respond, done)
    case "late-id": say("late delivery \(post(respond, done, headers: staleDelivery).status)"); fallthrough
    case "same-id":
      let delivery = invocation.headers["lambda-runtime-invocation-id"] ?? ""
      _ = post(respond, done, headers: [("Lambda-Runtime-Invocation-Id", delivery)])
    case "too-big": say("big answer \(post(respond, string(bytes: (6 << 20) + 101)).status)")
    case "biggest": say("big answer \(post(respond, string(bytes: (6 << 20) + 100)).status)")
    case "bad-mode":
      let headers = [(name: "Lambda-Runtime-Function-Response-Mode", value: "Streaming")]
      say("bad mode \(post(respond, done, headers: headers).status)")
    case "close-mid-body":
      let head = "POST /2018-06-01/runtime/\(respond) HTTP/1.1\r\nHost: \(variable("AWS_LAMBDA_RUNTIME_API"))\r\n"
      write(Array("\(head)Content-Length: 100\r\n\r\n\"half".utf8))
      reconnect()
    case "chunks": answerInChunks(respond)
    case "ask-again":
      let again = next()
      let isSame = again.headers["lambda-runtime-aws-request-id"].map(respond.contains) ?? false
      _ = post(respond, Array("\"\(isSame ? "same" : "other")\"".utf8))
    case "unknown-path": say("unknown path \(post("exit", []).status)"); _ = post(respond, done)
    case "init-error-late":
      say("late init error \(post("init/error", []).status)")
      _ = post(respond, done)
    case "print":
      say("first line\nsecond line")
      _ = post(respond, done)
    case "print-table-fault":
      say(#"{"level":"INFO","message":"fault injected","kind":"table-throttled","who":"f/1","n":3}"#)
      _ = post(respond, done)
    case "answer-and-exit":
      _ = post(respond, done)
      exit(0)
    case "leave-child": _ = post(respond, Array("\(startSleeper())".utf8))
    case "pid": _ = post(respond, Array("\(getpid())".utf8))
    case "variables": _ = post(respond, jsonLines(variables()))
    case "table-faults": _ = post(respond, Array(variable("TABLE_FAULTS").utf8))
    case "headers": _ = post(respond, jsonLines(invocation.headers.all.map { "\($0.name): \($0.value)" }))
    case "directory":
      let directory = getcwd(nil, 0)
      _ = post(respond, jsonLines([directory.map { String(cString: $0) } ?? ""]))
    default: _ = post(respond, invocation.body)
    }
  }

  private func answerInChunks(_ respond: String) {
    let head = "POST /2018-06-01/runtime/\(respond) HTTP/1.1\r\nHost: \(variable("AWS_LAMBDA_RUNTIME_API"))\r\n"
    write(Array("\(head)Transfer-Encoding: chunked\r\n\r\n3\r\n\"in\r\n8\r\n chunks\"\r\n0\r\n\r\n".utf8))
    _ = read()
  }
}

private let staleDelivery = [(name: "Lambda-Runtime-Invocation-Id", value: "an earlier one")]

private func string(bytes count: Int) -> [UInt8] {
  [0x22] + [UInt8](repeating: UInt8(ascii: "x"), count: count - 2) + [0x22]
}

private func variables() -> [String] {
  var lines: [String] = []
  var entry = environ
  while let text = entry.pointee {
    lines.append(String(cString: text))
    entry += 1
  }
  return lines
}

/// One JSON string with a line feed between the lines; they are free of quotes and backslashes.
private func jsonLines(_ lines: [String]) -> [UInt8] { Array("\"\(lines.joined(separator: "\\n"))\"".utf8) }

/// A process of its own, in this one's group, that would go on for long.
private func startSleeper() -> pid_t {
  var pid: pid_t = 0
  var arguments = [strdup("sleep"), strdup("1000"), nil]
  posix_spawn(&pid, "/bin/sleep", nil, nil, &arguments, environ)
  return pid
}
