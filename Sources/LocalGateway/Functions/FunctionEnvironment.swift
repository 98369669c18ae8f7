import HTTPWire

/// What came in on an environment's port or from its process, for the runner of its function to decide.
protocol FunctionEnvironmentOwner: AnyObject {
  /// To be answered through the responder, now or later, once.
  func handle(
    _ call: RuntimeAPI.Request, request: HTTPRequest, from environment: FunctionEnvironment,
    responder: HTTPResponder)
  /// What becomes of the body of a call, whose head has come.
  func plan(
    _ call: RuntimeAPI.Request, request: HTTPRequest, from environment: FunctionEnvironment, responder: HTTPResponder
  ) -> HTTPBodyPlan
  /// A call for the next invocation waits no more: its connection ended.
  func withdrew(environment: FunctionEnvironment)
  /// The connection ended inside the body of a request.
  func truncated(_ call: RuntimeAPI.Request, from environment: FunctionEnvironment)
  func wrote(_ line: [UInt8], from environment: FunctionEnvironment)
  /// Its process ended; nothing comes from it any more.
  func ended(environment: FunctionEnvironment, end: ProcessEnd)
}

/// One process of a function with its Runtime API port: what it runs, and since when.
final class FunctionEnvironment {
  let id: FunctionPool.EnvironmentID
  private weak var owner: (any FunctionEnvironmentOwner)?
  /// Whatever comes in here comes from this process: no other process was given the port.
  private var server: HTTPServer?
  private var process: ChildProcess?

  /// How many invocations it runs at a time.
  private let slots: Int
  /// The calls for the next invocation that wait for their answers, the oldest first.
  private var asking: [HTTPResponder] = []
  private(set) var deliveries = Deliveries()

  /// Microseconds of `Stopwatch`, as the other.
  let startedAt = Stopwatch.microseconds()
  private(set) var readyAt: Int64?

  init(id: FunctionPool.EnvironmentID, slots: Int, owner: any FunctionEnvironmentOwner) {
    self.id = id
    self.slots = slots
    self.owner = owner
  }

  // MARK: Process

  /// Opens the port and starts the process, telling it the port's address.
  func start(
    on loop: EventLoop, buffer: ReadBuffer, _ command: (_ address: String) -> ChildProcess.Command
  ) throws(SystemError) {
    let server = try Self.server(on: loop, buffer: buffer)
    server.add(self)
    server.judgeBody = { [weak self] in self?.plan($0, responder: $1) ?? .whole }
    server.onTruncatedRequest = { [weak self] in self?.truncated($0) }
    do throws(SystemError) {
      process = try ChildProcess.start(
        command("127.0.0.1:\(server.port)"), on: loop,
        onLine: { [weak self] line in
          guard let self else { return }
          owner?.wrote(line, from: self)
        },
        onEnd: { [weak self] end in
          guard let self else { return }
          close()
          owner?.ended(environment: self, end: end)
        })
      self.server = server
    } catch {
      server.close()
      throw error
    }
  }

  /// A runtime may take as long as it likes between two requests and for a large one.
  private static func server(on loop: EventLoop, buffer: ReadBuffer) throws(SystemError) -> HTTPServer {
    var limits = HTTPServerLimits()
    limits.reader = HTTPReader.Limits(headBytes: 64 << 10, bodyBytes: RuntimeAPI.maximumBodyBytes)
    limits.requestMilliseconds = .max
    limits.idleMilliseconds = .max
    do throws(ListenError) {
      return try HTTPServer(port: 0, loop: loop, limits: limits, buffer: buffer)
    } catch { throw error.cause }
  }

  func signal(_ number: Int32) { process?.signal(number) }

  func drainOutput() { process?.drainOutput() }

  /// The most memory the process has had.
  func peakKilobytes() -> Int { process?.peakKilobytes() ?? 0 }

  /// Closes the port and every connection to it; a runtime that waits for an invocation then ends.
  func close() {
    asking = []
    server?.close()
    server = nil
  }

  // MARK: Invocations

  func asks(_ responder: HTTPResponder) {
    if readyAt == nil { readyAt = Stopwatch.microseconds() }
    deliveries.slotReturned()
    guard slots > 1 else {
      // Only one call can be answered with the next invocation.
      asking.popLast()?.refuse(.invalidStateTransition)
      return asking.append(responder)
    }
    asking.append(responder)
    responder.onClientGone { [weak self] in self?.withdraw() }
  }

  private func withdraw() {
    let count = asking.count
    asking.removeAll { !$0.isOpen }
    for _ in asking.count..<count { owner?.withdrew(environment: self) }
  }

  func deliver(
    id: FunctionPool.InvocationID, invocation: Invocation, headers: [(name: String, value: String)]
  ) -> Delivery {
    let delivery = deliveries.add(invocation, id: id)
    let responder = asking.isEmpty ? nil : asking.removeFirst()
    responder?.respond(
      status: 200, headers: headers + [("Lambda-Runtime-Invocation-Id", delivery.deliveryID)],
      body: invocation.payload)
    return delivery
  }
}

extension FunctionEnvironment: HTTPRequestHandler {
  func handle(_ request: HTTPRequest, responder: HTTPResponder) -> Bool {
    if let call = RuntimeAPI.request(method: request.method, target: request.target) {
      owner?.handle(call, request: request, from: self, responder: responder)
    } else {
      responder.refuse(.notFound)
    }
    return true
  }

  private func plan(_ request: HTTPRequest, responder: HTTPResponder) -> HTTPBodyPlan {
    guard let call = RuntimeAPI.request(method: request.method, target: request.target) else { return .whole }
    return owner?.plan(call, request: request, from: self, responder: responder) ?? .whole
  }

  private func truncated(_ request: HTTPRequest) {
    guard let call = RuntimeAPI.request(method: request.method, target: request.target) else { return }
    owner?.truncated(call, from: self)
  }
}
