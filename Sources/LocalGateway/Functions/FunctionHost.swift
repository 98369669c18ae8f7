import Telemetry

/// Runs functions by name: the room behind the gateway's routes and behind the Lambda Invoke API.
///
///     let host = FunctionHost(functions, surroundings, loop: loop) { line in … }
///     host.invoke("Publisher", payload: event, timeoutMilliseconds: 29_000) { outcome in … }
///     host.stop { loop.stop() }
///
/// No process is started before it is needed. All of them end with `stop`, and also when this process is killed.
final class FunctionHost: FunctionInvoker {
  let settings: FunctionSettings
  let loop: EventLoop
  let runners: [String: FunctionRunner]
  private(set) var isStopping = false

  /// `onLogLine` gets every line that functions write, and Lambda's lines around them. Of several functions with one
  /// name the last counts.
  init(
    functions: [FunctionConfiguration], settings: FunctionSettings = FunctionSettings(),
    loop: EventLoop, randomness: Randomness = .system, faults: Faults? = nil,
    onLogLine: @escaping (FunctionLogLine) -> Void
  ) {
    self.settings = settings
    self.loop = loop
    let buffer = ReadBuffer()
    let named = functions.map { function in
      (
        function.name,
        FunctionRunner(
          configuration: function, settings: settings, loop: loop, buffer: buffer, randomness: randomness,
          faults: faults,
          onLogLine: onLogLine)
      )
    }
    runners = Dictionary(named) { $1 }
  }

  deinit { kill() }

  func hasFunction(_ name: String) -> Bool { runners[name] != nil }

  func invoke(
    _ name: String, payload: [UInt8], timeoutMilliseconds: Int64, completion: @escaping (InvocationOutcome) -> Void
  ) {
    invoke(name, payload: payload, context: .init(), timeoutMilliseconds: timeoutMilliseconds) { result in
      completion(result.outcome)
    }
  }

  /// As the other, with what else a caller may say and be told. With a `receiver` an answer that the function streams goes
  /// there while it comes, and what `completion` is then told has no bytes; without, it is collected.
  func invoke(
    _ name: String, payload: [UInt8], context: Invocation.Context, timeoutMilliseconds: Int64,
    receiver: (any AnswerReceiver)? = nil, completion: @escaping (Invocation.Result) -> Void
  ) {
    guard let runner = runners[name] else {
      loop.schedule(afterMilliseconds: 0) { completion(.init(outcome: .unknownFunction, log: [])) }
      return
    }
    runner.invoke(
      payload: payload, context: context, timeoutMilliseconds: timeoutMilliseconds, receiver: receiver,
      completion: completion)
  }

  /// Fails what runs and waits, asks every process to end (SIGTERM), kills it after two seconds, and then calls
  /// `completion`. The loop has to go on running meanwhile.
  func stop(_ completion: @escaping () -> Void) {
    isStopping = true
    var remaining = runners.count
    guard remaining > 0 else { return completion() }
    for runner in runners.values {
      runner.stop {
        remaining -= 1
        if remaining == 0 { completion() }
      }
    }
  }

  /// A line of Lambda's own in the function's log.
  func log(_ text: String, of function: String) { runners[function]?.log(text, environment: nil, invocation: nil) }

  /// Kills every process and all it has started, at once: for a second Ctrl-C.
  func kill() {
    for runner in runners.values { runner.kill() }
  }
}

extension Randomness {
  /// A random UUID (RFC 9562, version 4), as Lambda names its requests.
  func uuid() -> String {
    let high = next() & 0xFFFF_FFFF_FFFF_0FFF | 0x4000
    let low = next() & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
    return String(unsafeUninitializedCapacity: 36) { text in
      var index = 0
      for (half, hyphens) in [(high, [8, 13]), (low, [18, 23])] {
        for shift in stride(from: 60, through: 0, by: -4) {
          if hyphens.contains(index) || index == 18 {
            text[index] = UInt8(ascii: "-")
            index += 1
          }
          let digit = UInt8(truncatingIfNeeded: half >> UInt64(shift)) & 15
          text[index] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
          index += 1
        }
      }
      return index
    }
  }
}
