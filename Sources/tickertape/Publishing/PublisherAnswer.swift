import JSON

/// What the Publisher says of one batch: `{"accepted":2,"rejected":[{"index":1,"error":…}],"deliveries":41,…}`.
///
/// `rejected` is a number or the list itself; the reasons are whichever list names the events by `index`. Every other
/// member that is a number is a count, shown by the name it has.
struct PublisherAnswer: Equatable {
  struct Rejection: Equatable {
    /// The place of the event in the batch, from 0.
    let index: Int?
    let reason: String
  }

  let accepted: Int
  let rejectedCount: Int
  let rejections: [Rejection]
  /// `deliveries`, `gone`, `retried`, `failed`, `unsent` and whatever else is counted, in the answer's order.
  let counts: [Count]

  struct Count: Equatable {
    let name: String
    var number: Int
  }

  init(_ bytes: [UInt8]) throws(CommandFailure) {
    guard let members = JSONMembers(bytes), let accepted = members.integer("accepted") else {
      let beginning = String(decoding: bytes.prefix(200), as: UTF8.self)
      throw CommandFailure(code: .unavailable, message: "this is no answer of a Publisher: \(beginning)")
    }
    self.accepted = accepted
    rejections = (Self.refusals(in: members) ?? []).map(Self.rejection)
    rejectedCount = members.integer("rejected") ?? rejections.count
    counts = members.names.filter { $0 != "accepted" && $0 != "rejected" }.compactMap { name in
      members.integer(name).map { Count(name: name, number: $0) }
    }
  }

  private static func refusals(in members: JSONMembers) -> [ArraySlice<UInt8>]? {
    if let list = members.elements("rejected") { return list }
    return members.names.lazy.compactMap { members.elements($0) }.first { list in
      list.first.flatMap { JSONMembers($0)?.integer("index") } != nil
    }
  }

  private static func rejection(_ element: ArraySlice<UInt8>) -> Rejection {
    guard let members = JSONMembers(element) else {
      return Rejection(index: nil, reason: String(decoding: element, as: UTF8.self))
    }
    let parts = ["code", "error", "reason", "message"].compactMap { members.string($0) }
    let reason = parts.isEmpty ? String(decoding: element, as: UTF8.self) : parts.joined(separator: ": ")
    return Rejection(index: members.integer("index"), reason: reason)
  }
}

/// The sum of all answers of a run.
struct PublishTotals: Equatable {
  private(set) var accepted = 0
  private(set) var rejected = 0
  private(set) var counts: [PublisherAnswer.Count] = []

  mutating func add(_ answer: PublisherAnswer) {
    accepted += answer.accepted
    rejected += answer.rejectedCount
    for count in answer.counts {
      if let index = counts.firstIndex(where: { $0.name == count.name }) {
        counts[index].number += count.number
      } else {
        counts.append(count)
      }
    }
  }

  /// An event that was refused before it was sent.
  mutating func addRejection() { rejected += 1 }

  var deliveries: Int { counts.first { $0.name == "deliveries" }?.number ?? 0 }

  /// `2,000 accepted, 1 rejected, 41 deliveries`; counts that are nought are left out, but for the deliveries.
  var sentence: String {
    let others = counts.filter { $0.number != 0 || $0.name == "deliveries" }.map { count in
      count.name == "deliveries"
        ? Figures.count(count.number, one: "delivery", many: "deliveries")
        : "\(Figures.grouped(count.number)) \(count.name)"
    }
    let first =
      ["\(Figures.grouped(accepted)) accepted"] + (rejected > 0 ? ["\(Figures.grouped(rejected)) rejected"] : [])
    return (first + others).joined(separator: ", ")
  }

  func write(to writer: inout JSONWriter) {
    writer.member("accepted", accepted)
    writer.member("rejected", rejected)
    for count in counts { writer.member(count.name, count.number) }
  }
}
