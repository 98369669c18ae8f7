import AWS
import Access
import ConnectionStore
import Connections
import EventLog
import Frames
import JSON
import LambdaEvents
import LambdaRuntime
import Messaging
import Telemetry
import TestSupport
import Testing

@testable import StreamHandler

/// The StreamHandler over the stage's table, in the stage's time, without a socket.
final class StreamStage {
  let stage: Stage
  var handler: ServeStreams<Ear>
  private var open: [OpenAnswer] = []
  private var invocations = 0

  /// `environment`: of the function. The log is read each 20 ms, as over SQLite.
  init(
    _ environment: [String: String] = [:], stage: Stage = Stage(), table: (any Table)? = nil, routes: String? = nil,
    level: Log.Level = .info
  ) throws {
    self.stage = stage
    var variables = ["ACCESS": "open", "CONNECTION_STORE": "sqlite:t", "FRAMES_PER_SECOND": "0"]
    variables.merge(environment) { $1 }
    if variables["ACCESS"] == "required" { variables["ACCESS"] = nil }
    handler = try Self.handler(
      Environment(variables), stage: stage, table: table ?? stage.table, routes: routes, level: level)
  }

  private static func handler(
    _ environment: Environment, stage: Stage, table: any Table, routes: String?, level: Log.Level
  ) throws -> ServeStreams<Ear> {
    let (clock, lines) = (stage.clock.clock, stage.lines)
    let log = Log(minimum: level, clock: clock, write: { lines.add($0) })
    let limits = try StreamLimits(environment: environment)
    let settings = try AccessSettings(environment: environment)
    let rows =
      try routes.map { try RouteFile(reading: bytes($0), file: "routes.json", types: stage.types) }
      ?? RouteFile(environment: Environment([:]), types: stage.types)
    let connections = Connections(table: table, limits: limits, clock: clock)
    let tickets = Tickets(table: table, clock: clock)
    return ServeStreams(
      routes: RouteTable(rows.routes),
      recovery: RecoveryReader(table: table, types: stage.types, limits: limits, log: log, clock: clock),
      sources: StreamSources(
        table: table, types: stage.types, settings: try StreamSettings(environment: environment), limits: limits,
        clock: clock, log: log),
      access: StreamAccess(
        control: AccessControl(settings: settings, keys: stage.keys, clock: clock, log: log), tickets: tickets),
      proxy: settings.proxy, attempts: AttemptLimit(settings: settings.attempts, table: table, clock: clock),
      openings: OpeningLimit(clock: clock),
      held: HeldStreams(
        connections: connections, tickets: tickets,
        limit: UserLimit(
          maximum: settings.connectionsPerUser, connections: connections, calls: stage.ear, clock: clock),
        clock: clock, log: log),
      publisher: QueuedPublisher(name: environment["PUBLISHER_FUNCTION"], invocation: stage.invocations),
      cors: CORS(settings), log: log)
  }

  /// One answer and what its client has got.
  final class OpenAnswer {
    let writer = ResponseWriter()
    let head: ResponseHead?
    var answer: ServeStreams<Ear>.Answer?
    var dueAt: Int64 = 0
    var waitsForRoom = false
    /// Its client takes nothing.
    var isStuck = false
    private(set) var bytes: [UInt8] = []
    /// What was written at once, last.
    private(set) var lastWrite: [UInt8] = []
    private(set) var writes = 0
    private(set) var reader = EventSourceReader()

    init(_ open: (ResponseWriter) throws -> ServeStreams<Ear>.Answer) throws {
      answer = try open(writer)
      head = writer.consumeHead()
      take()
    }

    func take() {
      guard !isStuck else { return }
      let new = writer.consumeBody()
      bytes += new
      if !new.isEmpty { (lastWrite, writes) = (new, writes + 1) }
      reader.read(new)
    }

    var status: Int { head?.status ?? 0 }
    var isOpen: Bool { answer != nil }
    var body: String { text(bytes) }
    func header(_ name: String) -> String? { head?.headers.first { $0.name == name }?.value }
    /// Without `connection`.
    var events: [EventSourceReader.Message] { reader.messages.filter { $0.event != "connection" } }
    var named: [String] { events.map { "\($0.event) \($0.data)" } }
  }

  @discardableResult
  func request(
    _ target: String, method: String = "GET", headers: [(String, String)] = [], body: String = ""
  ) throws -> OpenAnswer {
    let parts = target.split(separator: "?", maxSplits: 1).map(String.init)
    invocations += 1
    let now = stage.clock.clock.milliseconds()
    let event = HTTPEvent(
      context: HTTPRequestContext(
        front: .functionURL, requestID: "q-\(invocations)", domainName: "a1.lambda-url.eu-west-1.on.aws",
        sourceAddress: "203.0.113.7"),
      method: method, path: parts[0], rawQuery: parts.count == 2 ? parts[1] : "",
      headers: headers.map { (name: $0.0, value: $0.1) }, body: bytes(body))
    let context = InvocationContext(requestID: "i-\(invocations)", deadlineMilliseconds: now + 900_000)
    let one = try OpenAnswer { try handler.open(event.encoded(), context: context, writer: $0) }
    one.dueAt = now
    open.append(one)
    try turn()
    return one
  }

  /// One turn of the loop: what is due is resumed.
  func turn() throws {
    let now = stage.clock.clock.monotonicMilliseconds()
    let due = open.filter { $0.isOpen && ($0.dueAt <= now || $0.waitsForRoom && $0.writer.hasRoom) }
    guard !due.isEmpty else { return }
    handler.prepare(nowMilliseconds: now)
    for one in due {
      guard var answer = one.answer else { continue }
      let step = try handler.resume(&answer, writer: one.writer)
      one.answer = answer
      one.take()
      switch step {
      case .wait(let milliseconds): (one.dueAt, one.waitsForRoom) = (now + max(1, milliseconds), false)
      case .waitForRoom(let milliseconds): (one.dueAt, one.waitsForRoom) = (now + max(1, milliseconds), true)
      case .end: close(one, .ended)
      }
    }
  }

  func close(_ one: OpenAnswer, _ reason: StreamEndReason) {
    guard let answer = one.answer else { return }
    one.answer = nil
    handler.close(answer, reason: reason)
  }

  /// Lets the time pass, from one moment at which something is due to the next.
  func pass(milliseconds: Int64) throws {
    let end = stage.clock.clock.monotonicMilliseconds() + milliseconds
    while true {
      let now = stage.clock.clock.monotonicMilliseconds()
      let next = open.filter(\.isOpen).map(\.dueAt).min() ?? end
      let moment = min(end, max(next, now))
      stage.clock.advance(milliseconds: moment - now)
      try turn()
      guard moment < end else { return }
    }
  }

  func pass(seconds: Int64) throws { try pass(milliseconds: seconds * 1_000) }

  // MARK: Publishing

  func price(_ symbol: String, _ price: String) throws {
    _ = try stage.publish(
      #"{"type":"price:update","data":{"symbol":"\#(symbol)","price":\#(price),"timestamp":"t"}}"#)
  }

  func publish(_ type: String, user: String? = nil, data: String) throws {
    let audience = user.map { #""user":"\#($0)","# } ?? ""
    _ = try stage.publish(#"{"type":"\#(type)",\#(audience)"data":\#(data)}"#)
  }
}
