import AWS
import Access
import ConnectionStore
import Connections
import EventLog
import LambdaEvents
import LambdaRuntime
import ManagementAPI
import Messaging
import Telemetry

/// `$connect`: decides whether a client may come in, and writes its connection with what it listens to.
///
/// Nothing can be posted to a connection while its `$connect` runs, so another invocation greets it, or its first frame.
struct Connect<Calls: ConnectionCalls>: LambdaHandler {
  let connections: Connections
  let types: EventTypeTable
  var access: AccessControl
  /// What stands between clients and API Gateway, and is believed where they are.
  let proxy: TrustedProxy
  var attempts: AttemptLimit
  var userLimit: UserLimit<Calls>
  let lagRows: LagRows
  /// Asked to greet a client: nothing can be posted while `$connect` runs, and no function runs afterwards by itself.
  /// Without a name a client is greeted when it says something.
  let greeter: InvokedFunction
  let log: Log
  /// Nil: none are written.
  var metrics: FunctionMetrics?
  var randomness = Randomness.system

  mutating func handle(_ event: [UInt8], context: InvocationContext) throws -> [UInt8] {
    let decoded = try GatewayEvent(decoding: event)
    guard case .connect(var event) = decoded else {
      throw WrongRoute("ConnectHandler", context: decoded.context, advice: "it belongs behind $connect")
    }
    event.context.sourceAddress = proxy.address(
      of: PresentedCredentials(event), peer: event.context.sourceAddress)
    let correlationID = event.correlationID(randomness: randomness)
    let log = log.with([
      "requestId": .identifier(context.requestID), "correlationId": .correlation(correlationID),
    ])
    let response = answerOrFail(event, correlationID: correlationID, log: log)
    count(response, requestID: context.requestID)
    return response.encoded()
  }

  /// A table that cannot be used is answered, not thrown: API Gateway would tell the client nothing of it.
  private mutating func answerOrFail(
    _ event: ConnectEvent, correlationID: CorrelationID, log: Log
  ) -> ProxyResponse {
    do throws(TableError) {
      return try answer(event, correlationID: correlationID, log: log)
    } catch {
      log.error(
        "connection refused: it could not be written",
        ["connectionId": .identifier(event.context.connectionID.text), "reason": .text(error.description)])
      return ProxyResponse(500, error: "Internal Server Error", message: "Failed to establish the connection")
    }
  }

  private mutating func count(_ response: ProxyResponse, requestID: String) {
    if response.statusCode == 200 {
      metrics?.count("Connects")
    } else {
      metrics?.count("Refusals", by: ("Status", "\(response.statusCode)"))
    }
    for reason in userLimit.takeDisconnects() { metrics?.count("Disconnects", by: ("Reason", reason.rawValue)) }
    // A flood is a line a minute, as it is one of the log.
    if response.statusCode == 429 {
      metrics?.writeEachMinute()
    } else {
      metrics?.write(["requestId": .identifier(requestID)])
    }
  }

  private mutating func answer(
    _ event: ConnectEvent, correlationID: CorrelationID, log: Log
  ) throws(TableError) -> ProxyResponse {
    let audit = Audit(log, event)
    let before = try attempts.acquireBefore(event.context.sourceAddress)
    if let answer = tooManyAttempts(before, audit: audit, reason: "too many attempts") { return answer }
    let request: ConnectRequest
    switch try admit(event) {
    case .refused(let refusal): return try refuse(refusal, event: event, audit: audit)
    case .invalid(let invalid):
      return try refuse(
        AccessRefusal(status: 400, message: invalid.message, reason: invalid.logText), event: event, audit: audit)
    case .admitted(let admitted): request = admitted
    }
    let record = request.record(of: event, correlationID: correlationID)
    let outcome = try connections.connect(record: record, isPaused: try pauses(record))
    let response = answer(event, outcome: outcome, record: record, audit: audit)
    guard response.statusCode == 200 else { return response }
    if let message = limitRefusal(record: record, event: event, audit: audit) {
      audit.refused(status: 429, reason: LogText(known: message))
      return ProxyResponse(429, error: "Too Many Requests", message: message)
    }
    if record.greeting == .due { askForGreeting(of: Destination(context: event.context), log: log) }
    return response
  }

  /// What waits for the user is shown with the greeting, before what is live: until then the user's stream is paused. A pause
  /// ends by itself should the greeting not come. False: there is none.
  private func pauses(_ record: ConnectionRecord) throws(TableError) -> Bool {
    guard record.greeting == .due, greeter.name != nil, let user = record.principal.user else { return false }
    return try !lagRows.pause([StreamName.user(user)], id: record.id).isEmpty
  }

  /// Without a greeting a client has its events all the same.
  private func askForGreeting(of destination: Destination, log: Log) {
    greeter.invokeLater(
      InternalInvocation.greet(destination).encoded(), otherwise: "no greeting",
      log: log.with(["connectionId": .identifier(destination.connectionID.text)]))
  }

  /// The connection is written: whatever goes wrong now, it stands, and the next one finds too many again.
  private mutating func limitRefusal(record: ConnectionRecord, event: ConnectEvent, audit: Audit) -> String? {
    do throws(TableError) {
      let caller = UserLimit<Calls>.Caller(
        destination: Destination(context: event.context), requestID: event.context.requestID, log: audit.log,
        audit: audit.ownLog)
      return try userLimit.refusal(of: record, caller: caller)
    } catch {
      log.error("connections of a user not counted", ["reason": .text(error.description)])
      return nil
    }
  }

  private enum Admission {
    case admitted(ConnectRequest)
    case refused(AccessRefusal)
    case invalid(ConnectQuery.Invalid)
  }

  private mutating func admit(_ event: ConnectEvent) throws(TableError) -> Admission {
    let query: ConnectQuery
    do throws(ConnectQuery.Invalid) {
      query = try ConnectQuery(event.query, types: types)
    } catch {
      return .invalid(error)
    }
    switch try access.decide(PresentedCredentials(event), requested: query.requested) {
    case .refused(let refusal): return .refused(refusal)
    case .admitted(let identity):
      do throws(ConnectQuery.Invalid) {
        return .admitted(try ConnectRequest(query: query, identity: identity, types: types))
      } catch {
        return .invalid(error)
      }
    }
  }

  // MARK: Answers

  private mutating func refuse(
    _ refusal: AccessRefusal, event: ConnectEvent, audit: Audit
  ) throws(TableError) -> ProxyResponse {
    let after = try attempts.acquireAfter(refusal, from: event.context.sourceAddress)
    if let answer = tooManyAttempts(after, audit: audit, reason: refusal.reason) { return answer }
    audit.refused(status: refusal.status, reason: refusal.reason)
    return ProxyResponse(refusal.status, error: refusal.title, message: refusal.message)
  }

  /// Nil if the address may have one more. A flood is one line of the log.
  private func tooManyAttempts(_ verdict: AttemptLimit.Verdict, audit: Audit, reason: LogText) -> ProxyResponse? {
    switch verdict {
    case .within: return nil
    case .firstBeyond:
      audit.refused(status: 429, reason: "\(reason); what more this address tries in this minute is not written")
    case .beyond: break
    }
    var response = ProxyResponse(429, error: AccessRefusal.tooManyTitle, message: AccessRefusal.tooManyAttempts)
    response.headers.append(("Retry-After", "\(attempts.retryAfterSeconds(randomness: randomness))"))
    return response
  }

  private func answer(
    _ event: ConnectEvent, outcome: Connections.ConnectOutcome, record: ConnectionRecord, audit: Audit
  ) -> ProxyResponse {
    switch outcome {
    case .connected:
      audit.connected(record: record)
      return ProxyResponse(200, headers: Self.subprotocol(event), body: Array("Connected".utf8))
    case .alreadyGone:
      audit.refused(status: 410, reason: "the connection left before it was connected")
      return ProxyResponse(410, error: "Gone", message: "the connection has left")
    case .tooManySubscriptions(let count):
      let message = ConnectQuery.tooMany(count, limit: connections.limits.subscriptions)
      audit.refused(status: 400, reason: LogText(known: message))
      return ProxyResponse(400, error: "Bad Request", message: message)
    }
  }

  private static func subprotocol(_ event: ConnectEvent) -> [(name: String, value: String)] {
    PresentedCredentials(event).subprotocol.map { [("Sec-WebSocket-Protocol", $0)] } ?? []
  }
}

extension Connect where Calls == ConnectionsClient {
  init(environment: Environment, table: any Table, types: EventTypeTable, shards: Int) throws {
    let log = try Log(environment)
    let settings = try AccessSettings(environment: environment)
    try GatewayAccess(environment: environment).check()
    let connections = Connections(table: table, shards: shards, limits: try StreamLimits(environment: environment))
    self.init(
      connections: connections, types: types,
      access: AccessControl(settings: settings, keys: APIKeys(table: table), log: log),
      proxy: settings.proxy, attempts: AttemptLimit(settings: settings.attempts, table: table),
      userLimit: UserLimit(
        maximum: settings.connectionsPerUser, clientMaximum: settings.connectionsPerClient, connections: connections,
        calls: ConnectionsClient(environment: environment)),
      lagRows: LagRows(table: table, limits: connections.limits),
      greeter: InvokedFunction(
        named: environment["GREETING_FUNCTION"], by: FunctionInvoker(environment: environment)),
      log: log, metrics: try FunctionMetrics.chosen(by: environment))
  }
}

extension ConnectEvent {
  /// What the client names the connection by; one is made where it names none, or none that may be taken.
  fileprivate func correlationID(randomness: Randomness) -> CorrelationID {
    headers[CorrelationID.header].flatMap(CorrelationID.init) ?? CorrelationID((randomness.next(), randomness.next()))
  }
}

extension ConnectionsClient: ConnectionCalls {}
