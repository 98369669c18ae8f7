import Messaging
import TestSupport

/// The gateway: which sockets are open, and what becomes of a frame that is posted to one.
final class ModelWire {
  weak var world: ModelWorld?
  /// The client behind each open socket.
  private var open: [String: any ModelListener] = [:]
  /// Frames that are slow on their way; whoever posted them has heard nothing.
  private var late: [(id: ConnectionID, frame: [UInt8])] = []

  enum Outcome {
    case accepted
    case gone
    case refused
    case broken
    /// No answer comes as long as one is waited for.
    case hung
  }

  func post(_ frame: [UInt8], to id: ConnectionID) -> Outcome { carry(frame, to: id, isFaulty: true) }

  func carry(_ frame: [UInt8], to id: ConnectionID, isFaulty: Bool) -> Outcome {
    let outcome = carried(frame, to: id, isFaulty: isFaulty)
    world?.note("-> \(id.text) \(outcome) \(text(frame).prefix(300))")
    return outcome
  }

  private func carried(_ frame: [UInt8], to id: ConnectionID, isFaulty: Bool) -> Outcome {
    guard let world, let client = open[id.text] else { return .gone }
    if isFaulty, !world.isCalm, !world.isQuiet {
      if world.isAlwaysRefusing(client) { return .refused }
      switch world.dice.number(below: world.postsPerFault) {
      case 0:
        (client as? PlainClient)?.takenForGone()
        return .gone
      case 1, 2: return .refused
      case 3:
        late.append((id, frame))
        return .broken
      case 4:
        // The socket breaks in the middle of the frame, after the gateway has taken it.
        drop(id)
        return .accepted
      case 5:
        client.consume(frame, isLate: false, world)
        return .broken
      case 6:
        if world.dice.one(in: 2) { client.consume(frame, isLate: false, world) } else { late.append((id, frame)) }
        return .hung
      default: break
      }
    }
    client.consume(frame, isLate: false, world)
    return .accepted
  }

  func deliverLate() {
    guard let world, !late.isEmpty else { return }
    let (id, frame) = late.remove(at: world.dice.number(below: late.count))
    open[id.text]?.consume(frame, isLate: true, world)
  }

  func deliverAllLate() { while !late.isEmpty { deliverLate() } }

  func open(_ id: ConnectionID, _ client: any ModelListener) { open[id.text] = client }

  /// The socket ends, and its client notices.
  func drop(_ id: ConnectionID) {
    guard let world, let client = open.removeValue(forKey: id.text) else { return }
    client.lost(world)
    world.disconnect(id)
  }

  /// The client itself closed it.
  func forget(_ id: ConnectionID) {
    guard let world, open.removeValue(forKey: id.text) != nil else { return }
    world.disconnect(id)
  }

  /// The gateway was told to close it.
  func close(_ id: ConnectionID) { drop(id) }
}
