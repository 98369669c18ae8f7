import Connections
import JSON
import Messaging
import StreamClient
import Telemetry
import TestSupport

/// A client: the reference client's state machine, and everything it showed.
final class ModelClient: ModelListener {
  struct Plan {
    let principal: Principal
    let types: [String]
    var keys: [String] = []
    /// Asked for later.
    var moreTypes: [String] = []
  }

  static let plans: [Plan] = [
    Plan(
      principal: Principal(user: "u-0", role: .admin),
      types: ["price:update", "signal", "note", "order:update", "order:fill"], moreTypes: ["risk"]),
    Plan(principal: Principal(user: "u-1", role: .viewer), types: ["signal", "risk", "note", "order:update"]),
    Plan(principal: Principal(user: nil, role: .admin), types: ["price:update"], keys: ["A"]),
    Plan(principal: Principal(user: "u-0", role: .approver), types: ["risk", "signal"]),
  ]

  enum Record: Equatable {
    /// `events`: those that this frame of it holds. `asked`: the newest event of the user's stream when the hello was sent that
    /// it answers.
    case snapshot(stream: String, through: Int64, isFirst: Bool, isLast: Bool, events: [Record], asked: Int64)
    case event(stream: String, sequence: Int64, folded: Int, number: Int)
    case gap
  }

  let plan: Plan
  let position: Int
  private(set) var records: [Record] = []
  private var follower: Follower
  private var id: ConnectionID?
  private var connections = 0
  private var reconnectsAt: Int64? = 0
  private var hasAskedForMore = false
  private var askedAt: Int64 = 0

  init(_ plan: Plan, _ position: Int, seed: UInt64) {
    self.plan = plan
    self.position = position
    var options = Follower.Options()
    options.eventTypes = plan.types
    options.keys = plan.keys
    let generator = SharedGenerator(seed &+ UInt64(position))
    follower = Follower(options, randomness: Randomness { generator.next() })
  }

  /// Everything it may be shown.
  var types: [String] { hasAskedForMore ? plan.types + plan.moreTypes : plan.types }

  // MARK: What it does

  func act(_ world: ModelWorld) {
    guard let id else { return connect(world) }
    switch world.dice.number(below: 4) {
    case 0: world.wire.drop(id)
    case 1 where !plan.moreTypes.isEmpty && !hasAskedForMore:
      hasAskedForMore = true
      perform(follower.subscribe(types: plan.moreTypes, keys: [], at: now(world)), world)
    default: passTime(world)
    }
  }

  func passTime(_ world: ModelWorld) {
    if id == nil { return connect(world) }
    perform(follower.handle(.time, at: now(world)), world)
  }

  /// At the end: is connected, and has its ready.
  func comeBack(_ world: ModelWorld) {
    reconnectsAt = id == nil ? 0 : nil
    passTime(world)
  }

  private func connect(_ world: ModelWorld) {
    guard let at = reconnectsAt, at <= now(world) else { return }
    connections += 1
    guard let id = ConnectionID("c\(position)x\(connections)=") else { return }
    let record = ConnectionRecord(id: id, principal: plan.principal, connectedAtMilliseconds: now(world))
    reconnectsAt = nil
    guard world.connect(record) else {
      return perform(follower.handle(.disconnected(status: 502), at: now(world)), world)
    }
    self.id = id
    world.wire.open(id, self)
    perform(follower.handle(.connected, at: now(world)), world)
  }

  func lost(_ world: ModelWorld) {
    id = nil
    perform(follower.handle(.disconnected(status: nil), at: now(world)), world)
  }

  func consume(_ frame: [UInt8], isLate: Bool, _ world: ModelWorld) {
    perform(follower.handle(.frame(frame), at: now(world)), world)
  }

  private func now(_ world: ModelWorld) -> Int64 { world.clock.clock.milliseconds() }

  private func perform(_ outputs: [Follower.Output], _ world: ModelWorld) {
    for output in outputs {
      switch output {
      case .send(let frame):
        if text(frame).contains("\"hello\""), let user = plan.principal.user { askedAt = world.last("user/\(user)") }
        if let id { world.receive(frame, id) }
      case .show(let event): if let event = ShownEvent(event.bytes) { records.append(event.record) }
      case .snapshot(let snapshot):
        records.append(
          .snapshot(
            stream: snapshot.stream, through: snapshot.sequence, isFirst: snapshot.isFirst, isLast: snapshot.isLast,
            events: snapshot.events.compactMap { ShownEvent($0)?.record }, asked: askedAt))
      case .gap: records.append(.gap)
      case .close:
        if let id {
          self.id = nil
          world.wire.forget(id)
        }
      case .reconnect(let pause): reconnectsAt = now(world) + pause
      case .notice, .diagnostic, .stop: break
      }
    }
  }
}

/// An event as it was shown.
struct ShownEvent {
  let record: ModelClient.Record

  init?(_ bytes: [UInt8]) {
    var reader = JSONReader(bytes)
    var stream = ""
    var sequence: Int64 = 0
    var folded: Int64 = 0
    var number: Int64 = 0
    do {
      try reader.beginObject()
      while let key = try reader.nextKey() {
        switch key {
        case "stream": stream = try reader.string()
        case "seq": sequence = try reader.integer()
        case "folded": folded = try reader.integer()
        case "data":
          try reader.beginObject()
          while let name = try reader.nextKey() {
            if name == "n" { number = try reader.integer() } else { try reader.skip() }
          }
        default: try reader.skip()
        }
      }
    } catch {
      return nil
    }
    record = .event(stream: stream, sequence: sequence, folded: Int(folded), number: Int(number))
  }
}
