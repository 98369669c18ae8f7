import Connections
import JSON
import Messaging
import Telemetry
import TestSupport

/// Whoever has a socket of the gateway.
protocol ModelListener: AnyObject {
  /// Does something by itself, or lets time pass.
  func act(_ world: ModelWorld)
  func passTime(_ world: ModelWorld)
  /// At the end: is connected, and has asked for everything.
  func comeBack(_ world: ModelWorld)
  func lost(_ world: ModelWorld)
  /// `isLate`: whoever posted it has given it up meanwhile.
  func consume(_ frame: [UInt8], isLate: Bool, _ world: ModelWorld)
}

/// A client that knows no hello: says `subscribe`, one type at a time, again when no acknowledgement came, and begins
/// from nothing whenever it connects.
final class PlainClient: ModelListener {
  struct Request: Hashable {
    let type: String
    /// Nil: all of the type.
    var key: String?

    var stream: String { "all/\(type)" }

    func wants(_ event: Event) -> Bool {
      event.audience == .everyone && event.type == type && (key == nil || event.key == key)
    }
  }

  struct Plan {
    let principal: Principal
    let requests: [Request]
  }

  static let plans: [Plan] = [
    Plan(
      principal: Principal(user: nil, role: .admin),
      requests: [Request(type: "price:update"), Request(type: "signal"), Request(type: "risk")]),
    Plan(
      principal: Principal(user: "u-1", role: .viewer),
      requests: [
        Request(type: "price:update", key: "A"), Request(type: "price:update", key: "B"), Request(type: "signal"),
      ]),
    Plan(
      principal: Principal(user: nil, role: .admin),
      requests: [
        Request(type: "price:update", key: "C"), Request(type: "price:update"), Request(type: "risk", key: "A"),
      ]),
  ]

  enum Record {
    case said(Request)
    /// With the newest event of its stream at that moment.
    case acknowledged(Request, last: Int64)
    case state(stream: String, through: Int64, events: [ModelClient.Record], isLate: Bool)
    case event(stream: String, sequence: Int64, folded: Int, number: Int, isLate: Bool)
  }

  /// What became of one connection.
  struct Session {
    let id: ConnectionID
    var records: [Record] = []
    /// The newest event of each stream that it follows without subscribing to it, when it was connected: its user's, whose
    /// notes it asks for as it connects, and the announcements.
    let followedFrom: [String: Int64]
    /// A frame to it was answered as if it were gone, though it is there.
    var isTakenForGone = false
  }

  let plan: Plan
  let position: Int
  private(set) var sessions: [Session] = []
  private(set) var isConnected = false
  private var requests: [Request] = []
  private var asked: (request: Request, count: Int, at: Int64)?
  private var count = 0
  private var attempts = 0
  private var reconnectsAt: Int64 = 0

  init(_ plan: Plan, _ position: Int) {
    self.plan = plan
    self.position = position
  }

  private var id: ConnectionID? { isConnected ? sessions.last?.id : nil }

  // MARK: What it does

  func act(_ world: ModelWorld) {
    guard let id else { return connect(world) }
    if world.dice.one(in: 5) { world.wire.drop(id) } else { passTime(world) }
  }

  /// Says what comes next, or once more what was not acknowledged.
  func passTime(_ world: ModelWorld) {
    guard id != nil else { return connect(world) }
    let now = world.clock.clock.milliseconds()
    if let asked {
      if now - asked.at >= 2_000 { say(asked.request, world) }
    } else if !requests.isEmpty {
      say(requests.removeFirst(), world)
    }
  }

  func comeBack(_ world: ModelWorld) {
    reconnectsAt = 0
    for _ in 0...plan.requests.count { passTime(world) }
    if let id { world.receive(bytes(#"{"type":"ping"}"#), id) }
  }

  private func connect(_ world: ModelWorld) {
    let now = world.clock.clock.milliseconds()
    guard reconnectsAt <= now else { return }
    attempts += 1
    guard let id = ConnectionID("p\(position)x\(attempts)=") else { return }
    reconnectsAt = now + 500
    var subscriptions = Subscriptions()
    if plan.principal.user != nil {
      let notes = Subscription(type: "note", selector: .all)
      _ = subscriptions.apply(
        SubscriptionChange(add: [notes], order: Order(count: 0, milliseconds: now, messageID: "")))
    }
    let record = ConnectionRecord(
      id: id, principal: plan.principal, connectedAtMilliseconds: now, subscriptions: subscriptions)
    guard world.connect(record) else { return }
    let streams = [StreamName.announcements] + (plan.principal.user.map { [StreamName.user($0)] } ?? [])
    sessions.append(
      Session(id: id, followedFrom: Dictionary(uniqueKeysWithValues: streams.map { ($0, world.last($0)) })))
    isConnected = true
    asked = nil
    requests = plan.requests
    for position in requests.indices.dropLast() {
      requests.swapAt(position, position + world.dice.number(below: requests.count - position))
    }
    world.wire.open(id, self)
  }

  private func say(_ request: Request, _ world: ModelWorld) {
    guard let id else { return }
    count += 1
    asked = (request, count, world.clock.clock.milliseconds())
    record(.said(request))
    let keys = request.key.map { ",\"keys\":[\"\($0)\"]" } ?? ""
    world.receive(bytes("{\"type\":\"subscribe\",\"n\":\(count),\"eventTypes\":[\"\(request.type)\"]\(keys)}"), id)
  }

  func lost(_ world: ModelWorld) {
    isConnected = false
    reconnectsAt = world.clock.clock.milliseconds() + 300
  }

  /// A frame to it was answered as if it were gone.
  func takenForGone() { if isConnected { sessions[sessions.count - 1].isTakenForGone = true } }

  private func record(_ record: Record) { sessions[sessions.count - 1].records.append(record) }

  // MARK: What it is shown

  func consume(_ frame: [UInt8], isLate: Bool, _ world: ModelWorld) {
    guard isConnected, let shown = PlainFrame(frame) else { return }
    switch shown.type {
    case "subscribed":
      guard let asked, asked.count == shown.count else { return }
      record(.acknowledged(asked.request, last: world.last(asked.request.stream)))
      self.asked = nil
    case "snapshot":
      let events = shown.events.compactMap { ShownEvent($0)?.record }
      record(.state(stream: shown.stream, through: shown.sequence, events: events, isLate: isLate))
    case "ping", "pong", "error": break
    default:
      guard case .event(let stream, let sequence, let folded, let number)? = ShownEvent(frame)?.record else { return }
      record(.event(stream: stream, sequence: sequence, folded: folded, number: number, isLate: isLate))
    }
  }
}

/// What of a frame such a client looks at.
private struct PlainFrame {
  var type = ""
  var stream = ""
  var sequence: Int64 = 0
  var count = 0
  var events: [[UInt8]] = []

  init?(_ bytes: [UInt8]) {
    var reader = JSONReader(bytes)
    do {
      try reader.beginObject()
      while let key = try reader.nextKey() {
        switch key {
        case "type": type = try reader.string()
        case "stream": stream = try reader.string()
        case "seq": sequence = try reader.integer()
        case "n": count = Int(try reader.integer())
        case "events":
          try reader.beginArray()
          while try reader.nextElement() { events.append(Array(try reader.rawValue())) }
        default: try reader.skip()
        }
      }
    } catch {
      return nil
    }
  }
}
