import GatewayEvents
import Messaging
import Streams

/// What a client says of itself in the query of its handshake:
///
///     ?userId=u-1&role=viewer&groups=desk-7&eventTypes=signal,risk&keys=AAPL,MSFT&dialect=typed&client_id=c1
///
/// `channels`, `symbols` and `data_types` are the words of the market data clients, `user_id` that of the credit clients.
struct ConnectRequest {
  let principal: Principal
  let dialect: Dialect
  let clientName: String?
  let wanted: [Wanted]

  struct Invalid: Error, Equatable {
    let message: String
  }

  init(_ event: ConnectEvent) throws(Invalid) {
    let query = event.query
    let user = query["userId"] ?? query["user_id"]
    if let user, !Name.isUser(user) { throw Invalid(message: "userId must be 1 to \(Limit.userBytes) bytes") }
    let groups = Self.list(query["groups"])
    guard groups.count <= Limit.groups, groups.allSatisfy(Name.isGroup) else {
      throw Invalid(message: "groups are at most \(Limit.groups), of 1 to \(Limit.groupBytes) bytes each")
    }
    clientName = query["client_id"]
    if let clientName, !Name.isKey(clientName) {
      throw Invalid(message: "client_id must be 1 to \(Limit.keyBytes) bytes")
    }
    dialect = try Self.dialect(query["dialect"])
    // Access is open: who names no role may see everything; a role nobody knows sees no broadcast.
    principal = Principal(user: user, role: query["role"].map(Role.init(rawValue:)) ?? .admin, groups: groups)
    wanted = try Self.wanted(query, principal.role)
  }

  /// The row to write. Its subscriptions are older than any that the client asks for later.
  func record(of event: ConnectEvent) -> ConnectionRecord {
    let context = event.context
    var subscriptions = Subscriptions()
    let order = Order(count: 0, milliseconds: context.requestTimeMilliseconds, messageID: "")
    _ = subscriptions.apply(SubscriptionChange(add: wanted, order: order))
    return ConnectionRecord(
      id: context.connectionID, principal: principal, dialect: dialect, clientName: clientName,
      sourceAddress: context.sourceAddress, connectedAtMilliseconds: context.connectedAtMilliseconds,
      subscriptions: subscriptions)
  }

  static func tooMany(_ count: Int) -> String {
    "\(count) subscriptions are too many: one connection may hold \(Limit.subscriptions)"
  }

  private static func dialect(_ text: String?) throws(Invalid) -> Dialect {
    guard let text else { return .typed }
    guard let dialect = Dialect(rawValue: text) else {
      throw Invalid(message: "dialect must be one of \(Dialect.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return dialect
  }

  /// What the role may not see is left out, as the clients of the event types expect it; a name that can be no type is an
  /// error.
  private static func wanted(_ query: QueryParameters, _ role: Role?) throws(Invalid) -> [Wanted] {
    let request = SubscriptionRequest(
      eventTypes: list(query["eventTypes"]) + list(query["subscriptions"]) + list(query["channels"]),
      keys: list(query["keys"]), symbols: list(query["symbols"]), dataTypes: list(query["data_types"]))
    guard request.names.count * max(1, request.keys.count) <= 4 * Limit.subscriptions else {
      throw Invalid(message: tooMany(request.names.count * max(1, request.keys.count)))
    }
    let (wanted, refused) = request.resolved(for: role)
    if let refusal = refused.first(where: { $0.code == .invalidName }) {
      throw Invalid(message: "'\(refusal.name)' cannot be subscribed to: \(refusal.message)")
    }
    return wanted
  }

  private static func list(_ text: String?) -> [String] {
    guard let text else { return [] }
    return text.utf8.split(separator: UInt8(ascii: ",")).map { String(Substring($0)) }
  }
}
