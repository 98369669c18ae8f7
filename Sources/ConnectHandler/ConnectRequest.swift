import Access
import Connections
import Frames
import LambdaEvents
import Messaging
import Telemetry

/// What a client says of itself in the query of its handshake:
///
///     ?userId=u-1&role=viewer&groups=desk-7&eventTypes=signal,risk&keys=AAPL,MSFT&dialect=typed&client_id=c1
///
/// `channels`, `symbols` and `data_types` are the words of the market data clients, `user_id` that of the credit
/// clients. `defaultEventTypes` is what is listened to by who names nothing. `accept=gzip`: large frames may come
/// compressed, whatever the dialect. `batch=1` asks for the batches of
/// 002's batcher; `hello=1` says that a hello will come.
struct ConnectQuery {
  let requested: RequestedIdentity
  let dialect: Dialect
  let clientName: String?
  let subscriptions: SubscriptionRequest
  let accepts: Accepts
  /// It is sent batches, as 002's batcher makes them: `batch=1`.
  let asksForBatches: Bool
  /// It is not greeted: `hello=1`.
  let saysHello: Bool

  struct Invalid: Error, Equatable {
    let message: String
    /// The same, with what the client wrote masked.
    let logText: LogText

    /// A message that repeats nothing of what the client wrote.
    init(message: String) { self.init(message: message, logText: LogText(known: message)) }

    init(message: String, logText: LogText) {
      self.message = message
      self.logText = logText
    }
  }

  init(_ query: QueryParameters, types: EventTypeTable) throws(Invalid) {
    do throws(InvalidIdentity) {
      requested = try RequestedIdentity { query[$0] }
    } catch {
      throw Invalid(message: error.message)
    }
    clientName = query["client_id"]
    if let clientName, !Name.isKey(clientName) {
      throw Invalid(message: "client_id must be 1 to \(Limit.keyBytes) bytes \(Name.rule)")
    }
    dialect = try Self.dialect(query["dialect"], types: types)
    asksForBatches = try Self.batches(query["batch"], dialect: dialect)
    saysHello = try Self.flag("hello", query["hello"])
    accepts = Self.list(query["accept"]).contains("gzip") ? .gzip : []
    let asked = SubscriptionRequest(
      eventTypes: Self.list(query["eventTypes"]) + Self.list(query["subscriptions"]) + Self.list(query["channels"]),
      keys: Self.list(query["keys"]), symbols: Self.list(query["symbols"]), dataTypes: Self.list(query["data_types"]))
    subscriptions =
      asked.names.isEmpty ? SubscriptionRequest(names: Self.list(query["defaultEventTypes"]), keys: asked.keys) : asked
    let count = subscriptions.names.count * max(1, subscriptions.keys.count)
    // No role could bring it below any limit.
    guard count <= Self.mostNames else { throw Invalid(message: Self.tooMany(count, limit: Self.mostNames)) }
  }

  private static let mostNames = 4_000

  static func tooMany(_ count: Int, limit: Int) -> String {
    "\(count) subscriptions are too many: one connection may hold \(limit)"
  }

  private static func dialect(_ text: String?, types: EventTypeTable) throws(Invalid) -> Dialect {
    guard let text else { return .typed }
    guard let dialect = types.dialect(named: text) else {
      throw Invalid(message: "dialect must be one of \(types.dialectNames.joined(separator: ", "))")
    }
    return dialect
  }

  private static func batches(_ text: String?, dialect: Dialect) throws(Invalid) -> Bool {
    guard try flag("batch", text) else { return false }
    if dialect.takesBatches { return true }
    throw Invalid(message: "batch=1 is for the dialect typed: the others have no frame of several events")
  }

  private static func flag(_ name: String, _ text: String?) throws(Invalid) -> Bool {
    switch text {
    case nil, "0": return false
    case "1": return true
    case .some: throw Invalid(message: "\(name) must be 1 or 0")
    }
  }

  private static func list(_ text: String?) -> [String] {
    guard let text else { return [] }
    return text.utf8.split(separator: UInt8(ascii: ",")).map { String(Substring($0)) }
  }
}

/// A connection that may be made: what was asked for, by whom.
struct ConnectRequest {
  private let query: ConnectQuery
  private let identity: Identity
  private let accepted: [Subscription]

  /// What the role may not see is left out, as the clients of the event types expect it; a name that can be no type is
  /// an error.
  init(query: ConnectQuery, identity: Identity, types: EventTypeTable) throws(ConnectQuery.Invalid) {
    self.query = query
    self.identity = identity
    let (accepted, refused) = query.subscriptions.resolved(for: identity.principal, types: types)
    if let refusal = refused.first(where: { $0.code == .invalidName }) {
      throw ConnectQuery.Invalid(
        message: "'\(refusal.name)' cannot be subscribed to: \(refusal.message)",
        logText: "'\(refusal.name)' cannot be subscribed to: \(refusal.message)")
    }
    self.accepted = accepted
  }

  /// The row to write. Its subscriptions are older than any that the client asks for later.
  func record(of event: ConnectEvent, correlationID: CorrelationID) -> ConnectionRecord {
    let context = event.context
    var subscriptions = Subscriptions()
    let order = Order(count: 0, milliseconds: context.requestTimeMilliseconds, messageID: "")
    // Who asked for nothing but what its role may not see has asked all the same.
    let asks = !query.subscriptions.names.isEmpty
    _ = subscriptions.apply(SubscriptionChange(add: accepted, order: order, asks: asks))
    var record = ConnectionRecord(
      id: context.connectionID, principal: identity.principal, dialect: query.dialect, clientName: query.clientName,
      sourceAddress: context.sourceAddress, connectedAtMilliseconds: context.connectedAtMilliseconds,
      untilMilliseconds: identity.untilMilliseconds, keyHashes: identity.keyHashes, correlationID: correlationID,
      subscriptions: subscriptions, expectsGreeting: !query.saysHello)
    record.accept(query.asksForBatches ? query.accepts.union([.batch, .timedBatches]) : query.accepts)
    return record
  }
}
