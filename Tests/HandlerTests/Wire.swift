import Frames
import Messaging
import TestSupport
import Testing

@testable import Delivery
@testable import Publisher

/// Where frames would go; says what became of each.
final class Wire: FrameSender {
  private(set) var posts: [(id: String, frame: String)] = []
  /// How often each was tried, in vain or not.
  private(set) var attempts: [String: Int] = [:]
  /// Whose connection was closed.
  private(set) var closed: [String] = []
  var gone: Set<String> = []
  var refusing: Set<String> = []
  /// How what is posted to somebody ends, and whether it arrives.
  var failures: [String: (reason: DeliveryFailure.Reason, arrives: Bool)] = [:]
  /// Whose answers are not prompt.
  var late: Set<String> = []
  /// Hears everything too.
  var other: Wire?
  /// As `Fanout` does at its deadline: no page is read.
  var isOutOfTime = false
  /// Something that happens while the first page is on its way.
  var during: (() throws -> Void)?
  /// Something that happens before a page is posted.
  var before: (() throws -> Void)?

  func deliver(
    deadlineMilliseconds: Int64, keepsOn: () -> Bool, nextPage: ([DeliveryFailure]) -> [PendingDelivery]?
  ) -> DeliveryResult {
    var counts = DeliveryCounts()
    counts.isEveryPageRead = !isOutOfTime
    var failed: [DeliveryFailure] = []
    while !isOutOfTime {
      let page = nextPage(failed)
      failed = []
      guard let page else { break }
      do { try before?() } catch { Issue.record(error) }
      for listener in page { if let failure = post(listener, &counts) { failed.append(failure) } }
      do { try during?() } catch { Issue.record(error) }
    }
    return DeliveryResult(counts: counts, failures: failed)
  }

  private func post(_ listener: PendingDelivery, _ counts: inout DeliveryCounts) -> DeliveryFailure? {
    let id = listener.id.text
    guard !listener.frames.isEmpty else {
      closed.append(id)
      counts.gone += 1
      return DeliveryFailure(.gone, of: listener)
    }
    attempts[id, default: 0] += 1
    if gone.contains(id) {
      counts.gone += 1
      return DeliveryFailure(.gone, of: listener)
    } else if refusing.contains(id) {
      counts.failed += listener.frames.count
      return DeliveryFailure(.refused(status: 429), of: listener)
    } else if let failure = failures[id] {
      if failure.arrives { posts += listener.frames.map { (id, text($0.bytes)) } }
      return DeliveryFailure(failure.reason, of: listener)
    } else {
      counts.deliveries += listener.frames.count
      if late.contains(id) { counts.slow.insert(listener.id) }
      posts += listener.frames.map { (id, text($0.bytes)) }
      other?.posts += listener.frames.map { (id, text($0.bytes)) }
    }
    return nil
  }

  /// Forgets what was posted.
  func reset() { (posts, attempts) = ([], [:]) }

  func frames(_ id: String) -> [String] { posts.filter { $0.id == id }.map(\.frame) }

  /// The sequence numbers of the events of single frames.
  func sequences(_ id: String) -> [Int64] {
    frames(id).compactMap { frame in
      frame.split(separator: "\"seq\":").dropFirst().first.flatMap { Int64($0.prefix { $0.isNumber }) }
    }
  }
}
