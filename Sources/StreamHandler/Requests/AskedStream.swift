import Access
import Connections
import Frames
import JSON
import Messaging

/// A stream as it was asked for.
struct AskedStream {
  let request: StreamRequest
  let route: Route
  /// Of the path's named segments.
  let values: [String: String]
  let correlationID: CorrelationID

  /// More than that no role could bring below any limit.
  private static let mostNames = 4_000

  /// Who it is for, as the client says.
  func requested() throws(StreamRefusal) -> RequestedIdentity {
    let user = route.userParameter.flatMap { values[$0] } ?? request.parameter("userId") ?? request.parameter("user_id")
    if let user, !Name.isUser(user) {
      throw StreamRefusal(400, "userId must be 1 to \(Limit.userBytes) bytes \(Name.rule)")
    }
    let groups = request.list("groups")
    guard groups.count <= Limit.groups, groups.allSatisfy(Name.isGroup) else {
      throw StreamRefusal(
        400, "groups are at most \(Limit.groups), of 1 to \(Limit.groupBytes) bytes each, \(Name.rule)")
    }
    return RequestedIdentity(user: user, role: request.parameter("role"), groups: groups)
  }

  /// What it shows to a principal. What the role may not see is left out.
  func subscriptions(of principal: Principal, types: EventTypeTable) throws(StreamRefusal) -> [Subscription] {
    var accepted: [Subscription] = []
    for request in try requests() {
      let count = request.names.count * max(1, request.keys.count)
      guard count <= Self.mostNames else { throw Self.tooMany(count, limit: Self.mostNames) }
      let resolved = request.resolved(for: principal.role, types: types)
      if let refusal = resolved.refused.first(where: { $0.code == .invalidName }) {
        throw StreamRefusal(400, "'\(refusal.name)' cannot be subscribed to: \(refusal.message)")
      }
      accepted += resolved.accepted
    }
    return accepted
  }

  static func tooMany(_ count: Int, limit: Int) -> StreamRefusal {
    StreamRefusal(400, "\(count) subscriptions are too many: one stream may hold \(limit)")
  }

  private func requests() throws(StreamRefusal) -> [SubscriptionRequest] {
    var requests: [SubscriptionRequest] = []
    let keys = route.keysParameter.map(request.list) ?? []
    switch route.typesFrom {
    case nil: requests.append(SubscriptionRequest(names: route.types, keys: keys))
    case .query(let name):
      let names = request.list(name)
      requests.append(
        SubscriptionRequest(names: names.isEmpty ? route.types : names, keys: keys + request.list("keys")))
    case .body: requests.append(try SubscribeBody(request.body).request)
    }
    if let key = route.keyParameter.flatMap({ values[$0] }) {
      requests.append(SubscriptionRequest(names: route.keyedTypes, keys: [key]))
    }
    return requests
  }
}

/// `{"channels":["stream:market_data:AAPL"],"data_types":["news"],"symbols":["AAPL"]}`: every channel, and every data type, and
/// of those without a symbol of their own the symbols. Symbols alone are symbols of `market_data`.
struct SubscribeBody {
  let request: SubscriptionRequest

  private static let members = ["channels", "data_types", "symbols"]
  private static let maximumBytes = 64 << 10

  init(_ body: [UInt8]) throws(StreamRefusal) {
    guard body.count <= Self.maximumBytes else {
      throw StreamRefusal(413, "a body of \(body.count) bytes is too large; at most \(Self.maximumBytes) are read")
    }
    var lists: [String: [String]] = [:]
    do throws(JSONError) {
      var reader = JSONReader(body)
      try reader.beginObject()
      while let name = try reader.nextKey() {
        if Self.members.contains(name), try !reader.null() {
          lists[name, default: []] += try Self.strings(from: &reader)
        } else {
          try reader.skip()
        }
      }
      try reader.end()
    } catch {
      throw StreamRefusal(400, "the body is an object with channels, data_types and symbols, each a list: \(error)")
    }
    request = SubscriptionRequest(
      eventTypes: lists["channels"] ?? [], symbols: lists["symbols"] ?? [], dataTypes: lists["data_types"] ?? [])
    guard !request.names.isEmpty else {
      throw StreamRefusal(400, "the body names nothing; for example {\"channels\":[\"stream:market_data:AAPL\"]}")
    }
  }

  private static func strings(from reader: inout JSONReader) throws(JSONError) -> [String] {
    var strings: [String] = []
    try reader.beginArray()
    while try reader.nextElement() { strings.append(try reader.string()) }
    return strings
  }
}
