import AWS
import ConnectionStore
import Connections
import EventLog
import Foundation
import LambdaEvents
import LambdaRuntime
import Messaging
import StreamClient
import Telemetry
import TestSupport

@testable import DefaultHandler
@testable import Delivery
@testable import Publisher

/// Everything in one process: the table, the functions, the gateway and the clients, with a seed that decides what
/// happens at each step of a function. A step is a call to the table or a post; at any of them the function may die, an
/// answer may be lost, and anything else may happen first, such as another function running from its beginning to its
/// end.
final class ModelWorld {
  let clock = SettableClock()
  let table: MemoryTable
  let randomness: Randomness
  var dice: Dice
  private(set) var clients: [ModelClient] = []
  private(set) var plainClients: [PlainClient] = []
  private var everybody: [any ModelListener] { clients + (plainClients as [any ModelListener]) }
  let wire: ModelWire
  /// In a schedule of ten rounds do not fit one frame.
  private let hasLargeEvents: Bool
  /// Of so many posts seven go wrong, each in its way: in some schedules hardly any, in others nearly all.
  let postsPerFault: Int
  /// The buffer of one client is full until the end, in one schedule of three.
  private let refusing: Int?
  /// The functions' clocks differ.
  let isSkewed: Bool
  /// Posts take so long that a round has no time for all.
  private let isSlow: Bool
  private let shards: Int
  /// In every other schedule a client that takes no batches gets two frames at once: more of them are withheld than not.
  private var limits = StreamLimits()
  /// What the gateway invokes is now and then invoked twice.
  let repeatsInvocations: Bool
  /// Nothing fails: only what runs while something else does, and clients that come and go.
  let isQuiet: Bool
  /// What ran while a function did took so long that its lease, or what it held, may have ended.
  var isLeaseOutrun = false
  /// No faults any more.
  var isCalm = false
  private var depth = 0
  /// The publisher's numbers that were answered as accepted, and those with an idempotency key.
  private(set) var accepted: Set<Int> = []
  private(set) var keyed: Set<Int> = []
  private var numbers = 0
  /// Payloads whose publish failed or was not answered: they come again.
  private var unanswered: [(payload: String, numbers: [Int])] = []
  private(set) var pendingSends: [[UInt8]] = []
  /// Invocations that are made once more.
  private var repeated: [(event: [UInt8], id: ConnectionID)] = []
  /// What happened, for whoever looks into a failure.
  private(set) var trace: [String] = []

  func note(_ what: @autoclosure () -> String) {
    if isTraced {
      trace.append("\(clock.clock.milliseconds() % 10_000_000) \(String(repeating: "  ", count: depth))\(what())")
    }
  }

  private let isTraced: Bool

  /// `hasPlainClients`: beside the others there are some that know no hello, and in one schedule of four nothing fails.
  init(seed: UInt64, hasPlainClients: Bool = false) {
    dice = Dice(seed)
    isTraced = ProcessInfo.processInfo.environment["MODEL_TRACE"] != nil
    hasLargeEvents = seed % 10 == 3
    postsPerFault = [60, 30, 15, 9][Int(seed % 4)]
    isQuiet = hasPlainClients && seed / 64 % 4 == 3
    refusing = seed % 3 == 0 ? Int(seed / 3 % 3) : nil
    isSkewed = !isQuiet && seed / 4 % 2 == 1
    isSlow = !isQuiet && seed / 8 % 2 == 1
    shards = seed / 16 % 2 == 1 ? 3 : 1
    if seed / 5 % 2 == 1 { limits.framesAtOnce = 2 }
    repeatsInvocations = !isQuiet && seed / 32 % 2 == 1
    table = MemoryTable(clock: clock.clock)
    wire = ModelWire()
    let generator = SharedGenerator(seed ^ 0xABCD)
    randomness = Randomness { generator.next() }
    wire.world = self
    for plan in ModelClient.plans { clients.append(ModelClient(plan, clients.count, seed: seed)) }
    guard hasPlainClients else { return }
    // Fewer of the others, so that these meet more of what happens.
    clients.removeLast(2)
    for plan in PlainClient.plans { plainClients.append(PlainClient(plan, plainClients.count)) }
  }

  func isAlwaysRefusing(_ client: any ModelListener) -> Bool { refusing.map { everybody[$0] === client } ?? false }

  // MARK: A step

  /// Called before each step of a function. True: the function dies now.
  func step() -> Bool {
    guard !isCalm else { return false }
    if depth < 2, dice.one(in: 14) {
      depth += 1
      happen()
      depth -= 1
    }
    if isQuiet {
      if dice.one(in: 60) { clock.advance(milliseconds: dice.pick([1, 50, 120])) }
      return false
    }
    if dice.one(in: 60) { clock.advance(milliseconds: dice.pick([1, 50, 120, 2_000, 11_000])) }
    return dice.one(in: 40)
  }

  /// One thing that happens by itself.
  func happen() {
    if dice.one(in: 20) { return receiveAgain() }
    switch dice.number(below: 21) {
    case 0..<8: publish()
    case 8..<13: everybody[dice.number(below: everybody.count)].act(self)
    case 13: sweep()
    case 14: sendPending()
    case 15: wire.deliverLate()
    case 16:
      let pauses: [Int64] = isQuiet && depth > 0 ? [10, 100, 200] : [10, 100, 500, 3_000, 11_000]
      clock.advance(milliseconds: dice.pick(pauses))
    case 17: publishAgain()
    case 18: lag()
    default: everybody[dice.number(below: everybody.count)].passTime(self)
    }
  }

  /// A post takes its time.
  func passTimeOfPost() {
    guard isSlow, !isCalm else { return }
    clock.advance(milliseconds: dice.pick([0, 1, 5, 30, 300, 3_000]))
    if dice.one(in: 40) { clock.advance(milliseconds: dice.pick([10_500, 27_000, 29_500])) }
  }

  /// Of an answer that does not come, whether there will be none for longer.
  var isEndpointLost: Bool { !isCalm && dice.one(in: 8) }

  // MARK: Functions

  private var log: Log { Log(minimum: .fatal) }

  private func run(_ payload: String) -> String? {
    note("publisher runs \(payload)")
    defer { note("publisher ended") }
    let environment = ModelEnvironment(self, isLagSender: payload.hasPrefix("{\"lag\""))
    let clock = environment.clock
    let sender = StreamSender(
      table: environment.table, types: .standard, sender: ModelSender(environment: environment),
      lagSender: ModelSender(environment: environment, isLagSender: true), shards: shards, limits: limits,
      pageSize: isSlow ? 1 : 500, log: log, clock: clock, randomness: randomness)
    var handler = Publish(
      eventLog: StreamLog(
        table: environment.table, shards: shards, states: StateRules(types: .standard, limits: limits), clock: clock,
        randomness: randomness),
      streams: sender,
      itself: InvokedFunction(named: "Publisher", by: ModelInvocations(environment)), log: log, clock: clock,
      randomness: randomness)
    let context = InvocationContext(requestID: "p", deadlineMilliseconds: clock.milliseconds() + 30_000)
    let answer = try? text(handler.handle(bytes(payload), context: context))
    return environment.isDead ? nil : answer
  }

  private func publish() {
    var events: [String] = []
    var list: [Int] = []
    for _ in 0..<dice.pick([1, 1, 2, 4]) {
      numbers += 1
      list.append(numbers)
      events.append(event(numbers))
    }
    send("{\"events\":[\(events.joined(separator: ","))]}", list)
  }

  /// So large that a round of several such events does not fit one frame.
  private static let padding = String(repeating: "x", count: 40_000)

  private func event(_ number: Int) -> String {
    let kind = dice.number(below: 11)
    let addressed = kind == 8 ? personal() : ""
    // The state of an order has no room for that.
    let isLarge = hasLargeEvents && !addressed.contains("order:") && dice.one(in: 2)
    let text = isLarge ? ",\"text\":\"\(Self.padding)\"" : ""
    var members = "\"data\":{\"n\":\(number)\(text)}"
    switch kind {
    case 0..<6: members += ",\"type\":\"price:update\",\"key\":\"\(dice.pick(["A", "B", "C"]))\""
    case 6, 7: members += ",\"type\":\"signal\""
    case 8: members += addressed
    case 9: members += ",\"type\":\"announcement\""
    default: members += ",\"type\":\"risk\",\"key\":\"A\",\"priority\":\"high\""
    }
    if dice.one(in: 2) {
      keyed.insert(number)
      members += ",\"idempotencyKey\":\"k-\(number)\""
    }
    return "{\(members)}"
  }

  /// A note, or what an order of a user is by now.
  private func personal() -> String {
    let user = ",\"user\":\"\(dice.pick(["u-0", "u-1"]))\""
    guard dice.one(in: 2) else { return ",\"type\":\"note\"\(user)" }
    return ",\"type\":\"\(dice.pick(["order:update", "order:fill"]))\",\"key\":\"\(dice.pick(["o-1", "o-2"]))\"\(user)"
  }

  private func send(_ payload: String, _ list: [Int]) {
    if let answer = run(payload), answer.contains("\"accepted\":\(list.count),") {
      accepted.formUnion(list)
    } else if list.allSatisfy(keyed.contains) {
      unanswered.append((payload, list))
    }
  }

  /// A queue brings a message again.
  private func publishAgain() {
    guard !unanswered.isEmpty else { return }
    let message = unanswered.remove(at: dice.number(below: unanswered.count))
    send(message.payload, message.numbers)
  }

  func sweep() { _ = run(#"{"sweep":{}}"#) }

  /// A lag sender that was asked for once more than it had to be.
  private func lag() {
    let stream = dice.pick(["all/price:update", "all/signal", "all/risk", "all/announcement", "user/u-0", "user/u-1"])
    _ = run("{\"lag\":\"\(stream)\"}")
  }

  func later(_ payload: [UInt8]) { pendingSends.append(payload) }

  private func sendPending() {
    guard !pendingSends.isEmpty else { return }
    _ = run(text(pendingSends.removeFirst()))
  }

  /// A client's frame, in an environment of its own; now and then in two.
  func receive(_ frame: [UInt8], _ id: ConnectionID) {
    note("\(id.text) says \(text(frame))")
    let now = clock.clock.milliseconds()
    let context = RequestContext(
      routeKey: "$default", eventType: "MESSAGE", requestID: "r", connectionID: id, messageID: "m-\(now)", apiID: "a",
      stage: "s", domainName: "d", requestTime: "", requestTimeMilliseconds: now, connectedAtMilliseconds: now,
      sourceAddress: "")
    let event = GatewayEvent.message(MessageEvent(context: context, body: frame)).encoded()
    if repeatsInvocations, !isCalm, dice.one(in: 8) {
      repeated.append((event, id))
      if dice.one(in: 2) { receiveAgain() }
    }
    receive(event: event, id)
  }

  /// The same invocation once more, while the first one runs or later.
  private func receiveAgain() {
    guard !repeated.isEmpty else { return }
    let (event, id) = repeated.remove(at: dice.number(below: repeated.count))
    note("\(id.text) again")
    receive(event: event, id)
  }

  private func receive(event: [UInt8], _ id: ConnectionID) {
    let environment = ModelEnvironment(self)
    let clock = environment.clock
    var handler = Receive(
      connections: Connections(table: environment.table, shards: shards, clock: clock, randomness: randomness),
      recovery: RecoveryReader(table: environment.table, types: .standard, shards: shards, clock: clock),
      lagRows: LagRows(table: environment.table, clock: clock, randomness: randomness),
      publisher: InvokedFunction(named: "Publisher", by: ModelInvocations(environment)),
      outbox: ModelOutbox(environment: environment), log: log, clock: clock)
    let invocation = InvocationContext(requestID: "d", deadlineMilliseconds: clock.milliseconds() + 29_000)
    guard let answer = try? handler.handle(event, context: invocation), !environment.isDead else { return }
    if let body = RouteAnswer.body(answer) { _ = wire.carry(bytes(body), to: id, isFaulty: false) }
  }

  /// `$connect`. False: it failed.
  func connect(_ record: ConnectionRecord) -> Bool {
    let environment = ModelEnvironment(self)
    let connections = Connections(
      table: environment.table, shards: shards, clock: environment.clock, randomness: randomness)
    guard let outcome = try? connections.connect(record: record), !environment.isDead else { return false }
    return outcome == .connected
  }

  /// `$disconnect`, which is not always run.
  func disconnect(_ id: ConnectionID) {
    guard isCalm || !dice.one(in: 3) else { return }
    let environment = ModelEnvironment(self)
    _ = try? Connections(table: environment.table, shards: shards, clock: environment.clock, randomness: randomness)
      .disconnect(id: id)
  }

  /// The newest event of a stream.
  func last(_ stream: String) -> Int64 {
    (try? StreamLog(table: table, clock: clock.clock).head(stream: stream))?.last ?? 0
  }

  // MARK: The end

  /// Lets everything come to rest: nothing fails any more, the sweep comes, each client comes back.
  func settle() {
    isCalm = true
    while !unanswered.isEmpty { publishAgain() }
    wire.deliverAllLate()
    for _ in 0..<12 {
      clock.advance(seconds: 11)
      for client in everybody { client.comeBack(self) }
      sweep()
      for _ in 0..<pendingSends.count { sendPending() }
    }
  }
}

/// Decisions in an order that a seed fixes.
struct Dice {
  private var generator: SeededGenerator

  init(_ seed: UInt64) { generator = SeededGenerator(seed) }

  mutating func number(below bound: Int) -> Int { Int(generator.next() % UInt64(bound)) }
  mutating func one(in count: Int) -> Bool { number(below: count) == 0 }
  mutating func pick<T>(_ list: [T]) -> T { list[number(below: list.count)] }
}
