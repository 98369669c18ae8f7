import Connections
import Frames
import ManagementAPI
import Messaging
import TestSupport

@testable import ConnectHandler
@testable import DefaultHandler
@testable import Delivery

/// Hears what would be posted.
final class Ear: Outbox, FrameSender, ConnectionCalls {
  private(set) var posts: [(id: String, frame: String)] = []
  private(set) var closed: [String] = []
  /// Connections that have left.
  var gone: Set<String> = []
  /// Connections whose buffer is full, for the Publisher.
  var refusing: Set<String> = []
  /// Something that happens before a page is served.
  var beforePage: (() -> Void)?

  /// How many further posts find the connection not established yet.
  var notYet = 0
  /// Something that happens before a frame is posted.
  var beforePost: ((String) throws -> Void)?

  func post(_ frame: [UInt8], to destination: Destination) throws -> PostOutcome {
    try beforePost?(text(frame))
    if notYet > 0 {
      notYet -= 1
      return .gone
    }
    if gone.contains(destination.connectionID.text) { return .gone }
    posts.append((destination.connectionID.text, text(frame)))
    return .accepted
  }

  /// Who was asked whether they are there.
  private(set) var asked: [String] = []
  /// Connections that cannot be closed.
  var stubborn: Set<String> = []
  /// How many more calls find a connection not established yet.
  var establishing: [String: Int] = [:]
  /// Something that happens when one was not.
  var whenNotYet: (() -> Void)?

  func probe(_ ids: [ConnectionID], besides destination: Destination) -> Set<ConnectionID> {
    asked += ids.map(\.text)
    return Set(ids.filter { gone.contains($0.text) })
  }

  struct Stubborn: Error, CustomStringConvertible { let description = "500 of a test" }

  func close(_ destination: Destination, telling frame: [UInt8]) throws -> PostOutcome {
    let id = destination.connectionID
    if stubborn.contains(id.text) { throw Stubborn() }
    if let calls = establishing[id.text], calls > 0 {
      establishing[id.text] = calls - 1
      whenNotYet?()
      return .gone
    }
    posts.append((id.text, text(frame)))
    closed.append(id.text)
    return .accepted
  }

  func close(_ destination: Destination) { closed.append(destination.connectionID.text) }

  func deliver(
    deadlineMilliseconds: Int64, keepsOn: () -> Bool, nextPage: ([DeliveryFailure]) -> [PendingDelivery]?
  ) -> DeliveryResult {
    var counts = DeliveryCounts()
    var failures: [DeliveryFailure] = []
    while let page = {
      beforePage?()
      defer { failures = [] }
      return nextPage(failures)
    }() {
      for delivery in page {
        if gone.contains(delivery.id.text), !delivery.frames.isEmpty {
          counts.gone += 1
          failures.append(DeliveryFailure(.gone, of: delivery))
        } else if refusing.contains(delivery.id.text) {
          counts.failed += delivery.frames.count
          failures.append(DeliveryFailure(.refused(status: 429), of: delivery))
        } else {
          counts.deliveries += delivery.frames.count
          posts += delivery.frames.map { (delivery.id.text, text($0.bytes)) }
          if delivery.isClosedAfterwards {
            counts.gone += 1
            closed.append(delivery.id.text)
            failures.append(DeliveryFailure(.gone, of: delivery))
          }
        }
      }
    }
    return DeliveryResult(counts: counts, failures: failures)
  }

  func frames(to id: ConnectionID) -> [String] { posts.filter { $0.id == id.text }.map(\.frame) }
}
