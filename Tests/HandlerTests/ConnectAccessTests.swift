import Access
import ConnectionStore
import Connections
import JSON
import LambdaEvents
import Messaging
import Telemetry
import TestSupport
import Testing

@testable import ConnectHandler

@Suite("Who may connect, and how often")
struct ConnectAccessTests {
  private static let required = ["ACCESS": "required"]

  private func key(
    _ stage: Stage, user: String = "u-1", role: Role = .analyst, groups: [String] = [], expires: Int64? = nil
  ) throws -> String {
    try stage.keys.create(KeyGrant(principal: Principal(user: user, role: role, groups: groups), expires: expires)).key
      .text
  }

  private func name(_ number: Int) -> ConnectionID { ConnectionID("C\(number)=")! }

  @Test("a key gives the connection its user, role and groups, and its end")
  func key() throws {
    let stage = Stage()
    let end = stage.clock.seconds + 600
    let key = try key(stage, groups: ["desk"], expires: end)
    #expect(try stage.connect([("apiKey", key)], access: Self.required) == Stage.connected)
    let record = try #require(try stage.connections.connection(id: stage.id))
    #expect(record.principal == Principal(user: "u-1", role: .analyst, groups: ["desk"]))
    #expect(record.untilMilliseconds == end * 1000)
    #expect(try stage.connections.connections(of: "u-1").map(\.untilMilliseconds) == [end * 1000])
  }

  @Test("a revoked and an expired key open nothing")
  func endedKeys() throws {
    let stage = Stage()
    let revoked = try key(stage)
    try stage.keys.revoke(try #require(APIKey(revoked)).hash)
    #expect(try stage.connect([("apiKey", revoked)], access: Self.required).hasPrefix(#"{"statusCode":401,"#))
    let short = try key(stage, expires: stage.clock.seconds + 60)
    stage.clock.advance(seconds: 60)
    #expect(try stage.connect([("apiKey", short)], access: Self.required).hasPrefix(#"{"statusCode":401,"#))
  }

  @Test("another user's userId is refused with 403, to an admin it is allowed")
  func userID() throws {
    let stage = Stage()
    let own = try key(stage)
    let query = [("apiKey", own), ("userId", "u-2")]
    #expect(try stage.connect(query, access: Self.required).hasPrefix(#"{"statusCode":403,"#))
    #expect(try stage.connect([("apiKey", own), ("userId", "u-1")], access: Self.required) == Stage.connected)
    let admin = try key(stage, user: "root", role: .admin)
    _ = try stage.connect([("apiKey", admin), ("userId", "u-2")], access: Self.required, id: name(2))
    #expect(try stage.connections.connection(id: name(2))?.principal == Principal(user: "u-2", role: .admin))
  }

  @Test("no refusal says what was wrong, no line of the log holds a credential")
  func secrets() throws {
    let stage = Stage()
    let key = try key(stage)
    let wrong = "tt_" + String(repeating: "A", count: 43)
    var answers: Set<String> = []
    for query in [
      [], [("apiKey", wrong)], [("token", "a.b.c")], [("apiKey", "x")], [("apiKey", key), ("token", wrong)],
    ] {
      answers.insert(try stage.connect(query, access: Self.required))
    }
    #expect(answers.count == 1, "\(answers)")
    _ = try stage.connect([("apiKey", key)], access: Self.required)
    let log = stage.lines.all.joined()
    #expect(!log.contains(key) && !log.contains(wrong) && !log.contains("a.b.c"))
    #expect(stage.lines.all.allSatisfy { $0.contains(#""event":"audit""#) } && stage.lines.all.count == 6)
  }

  @Test("`auth` in the query lets in who brings a good credential there; 401 has a JSON body")
  func auth() throws {
    let stage = Stage()
    let key = try key(stage)
    #expect(try stage.connect([("auth", key)], access: Self.required) == Stage.connected)
    #expect(try stage.connections.connection(id: stage.id)?.principal.user == "u-1")
    for bad in ["hunter2", "tt_" + String(repeating: "A", count: 43), "a.b.c"] {
      let answer = try stage.connect([("auth", bad)], access: Self.required, id: name(2))
      var reader = JSONReader(bytes(answer))
      var members: [String: String] = [:]
      try reader.beginObject()
      while let name = try reader.nextKey() { members[name] = text(Array(try reader.rawValue())) }
      #expect(members["statusCode"] == "401")
      #expect(members["headers"] == #"{"Content-Type":"application/json"}"#)
      var body = JSONReader(bytes(try #require(members["body"])))
      #expect(
        try body.string()
          == #"{"error":"Unauthorized","message":"a valid API key or token is required","statusCode":401}"#)
      #expect(try stage.connections.connection(id: name(2)) == nil)
    }
  }

  @Test("a user that is an e-mail address or a telephone number stands masked in the log")
  func masked() throws {
    let stage = Stage()
    _ = try stage.connect([("userId", "anna@example.com")])
    _ = try stage.connect([("userId", "+49 30 1234567")], id: name(2))
    let log = stage.lines.all.joined()
    #expect(!log.contains("example.com") && !log.contains("1234567") && log.contains("sha256:"))
  }

  @Test("a parameter and a field that came twice are both looked at")
  func severalValues() throws {
    let stage = Stage()
    let event = ConnectEvent(
      context: stage.context("CONNECT"),
      headers: GatewayHeaders(json: bytes(#"{"Host":"h","Authorization":"Bearer b","x":null}"#)[...]),
      query: QueryParameters([(name: "token", value: "b")]),
      multiValueHeaders: bytes(#"{"Authorization":["Bearer a","Bearer b"]}"#),
      multiValueQuery: bytes(#"{"token":["a","b"],"auth":["c"]}"#))
    let presentation = PresentedCredentials(event)
    #expect(presentation.query.map { "\($0.name)=\($0.value)" } == ["token=a", "token=b", "auth=c"])
    #expect(presentation.headers.map(\.value) == ["Bearer a", "Bearer b", "h"])
    var damaged = event
    damaged.multiValueQuery = bytes(#"{"token":"a"}"#)
    #expect(PresentedCredentials(damaged).query.map(\.value) == ["b"])
    // A value that stands only by itself is not passed over: it may be a credential.
    damaged.multiValueQuery = bytes(#"{"token":["a"]}"#)
    #expect(PresentedCredentials(damaged).query.map(\.value) == ["a", "b"])
  }

  @Test("subprotocols offered in several fields are one list in the order in which they came")
  func severalProtocolFields() {
    let stage = Stage()
    for (fields, expected) in [
      (["v1", "v2, v3"], "v1"), (["v1", "v2, bearer"], "v1"), (["bearer", "abc, v2"], "bearer"),
    ] {
      let lists = "[" + fields.map { "\"\($0)\"" }.joined(separator: ",") + "]"
      let event = ConnectEvent(
        context: stage.context("CONNECT"),
        headers: GatewayHeaders(json: bytes(#"{"Sec-WebSocket-Protocol":"\#(fields[1])"}"#)[...]),
        multiValueHeaders: bytes(#"{"Sec-WebSocket-Protocol":\#(lists)}"#))
      #expect(PresentedCredentials(event).subprotocol == expected, "\(fields)")
    }
  }

  // MARK: Attempts

  @Test("the sixth refused attempt of an address in a minute is 429, whoever proves who they are still comes in")
  func attempts() throws {
    let stage = Stage()
    let key = try key(stage)
    for _ in 0..<5 { #expect(try stage.connect(access: Self.required).hasPrefix(#"{"statusCode":401,"#)) }
    let sixth = try stage.connect(access: Self.required)
    #expect(sixth.hasPrefix(#"{"statusCode":429,"#) && sixth.contains("Retry-After"))
    #expect(try stage.connect(access: Self.required, address: "192.0.2.1").hasPrefix(#"{"statusCode":401,"#))
    #expect(try stage.connect([("apiKey", key)], access: Self.required) == Stage.connected)
    stage.clock.advance(seconds: 60)
    #expect(try stage.connect(access: Self.required).hasPrefix(#"{"statusCode":401,"#))
  }

  @Test("behind the distribution it is the client's address that is counted and written, and a forged one is not")
  func attemptsBehindTheDistribution() throws {
    let stage = Stage()
    let secret = String(repeating: "s", count: 32)
    let settings = Self.required.merging(["ORIGIN_SECRET": secret]) { first, _ in first }
    func attempt(_ forwarded: String, secret: String) throws -> String {
      let fields = [("x-tickertape-origin", secret), ("X-Forwarded-For", forwarded)]
      return try stage.connect(headers: fields, access: settings, address: "198.51.100.4")
    }
    // One client that writes another address into the field each time, then another client of the same distribution.
    for number in 0..<5 {
      let answer = try attempt("10.0.0.\(number), 203.0.113.7, 198.51.100.4", secret: secret)
      #expect(answer.hasPrefix(#"{"statusCode":401,"#))
    }
    #expect(try attempt("10.0.0.9, 203.0.113.7, 198.51.100.4", secret: secret).hasPrefix(#"{"statusCode":429,"#))
    #expect(stage.lines.all.last?.contains(#""address":"203.0.113.7""#) == true)
    #expect(try attempt("203.0.113.8, 198.51.100.4", secret: secret).hasPrefix(#"{"statusCode":401,"#))
    // Who reaches the API itself and has no secret is counted by its own address, whatever it says.
    for number in 0..<5 { _ = try attempt("203.0.113.\(number)", secret: "guess") }
    #expect(try attempt("203.0.113.99", secret: "guess").hasPrefix(#"{"statusCode":429,"#))
    #expect(!stage.lines.all.joined().contains(secret))
  }

  @Test("an attempt that makes no sense counts as a refused one: nobody without a credential writes line after line")
  func senselessAttempts() throws {
    let stage = Stage()
    let query = [("dialect", "klingon")]
    for _ in 0..<5 { #expect(try stage.connect(query, access: Self.required).hasPrefix(#"{"statusCode":400,"#)) }
    for _ in 0..<20 {
      // One environment, as a flood meets it.
      #expect(try stage.connect(query, access: Self.required).hasPrefix(#"{"statusCode":429,"#))
    }
    #expect(try stage.connect(access: Self.required).hasPrefix(#"{"statusCode":429,"#))
  }

  @Test("an environment writes one line of a flood from one address in a minute, and again in the next")
  func floodOfLines() throws {
    let stage = Stage()
    var handler = try stage.connector(Environment(Self.required))
    func attempt() throws -> String {
      let event = GatewayEvent.connect(ConnectEvent(context: stage.context("CONNECT")))
      return text(try handler.handle(event.encoded(), context: stage.invocation))
    }
    for _ in 0..<100 { _ = try attempt() }
    #expect(stage.lines.all.count == 6)
    #expect(stage.lines.all.last?.contains(#""status":429"#) == true)
    #expect(try attempt().hasPrefix(#"{"statusCode":429,"#))
    stage.clock.advance(seconds: 60)
    for _ in 0..<100 { _ = try attempt() }
    #expect(stage.lines.all.count == 12)
  }

  @Test("all attempts count where that is wanted, good ones too")
  func allAttempts() throws {
    let stage = Stage()
    let settings = ["ACCESS": "open", "CONNECT_LIMIT_COUNTS": "all", "CONNECT_REFUSALS_PER_MINUTE": "2"]
    for number in 0..<2 {
      #expect(try stage.connect(access: settings, id: name(number)) == Stage.connected)
    }
    #expect(try stage.connect(access: settings, id: name(2)).hasPrefix(#"{"statusCode":429,"#))
    #expect(try stage.connections.connection(id: name(2)) == nil)
  }

  @Test("a flood of refused attempts costs no more writes than the limit and one")
  func flood() throws {
    var counter: FailingTable?
    let stage = Stage {
      let table = FailingTable($0, failing: 0)
      counter = table
      return table
    }
    var limit = AttemptLimit(
      settings: try AttemptLimit.Settings(environment: Environment([:])), table: stage.table, clock: stage.clock.clock)
    for number in 1...100 {
      #expect(try limit.acquire("192.0.2.1") == (number <= 5 ? .within : number == 6 ? .firstBeyond : .beyond))
    }
    #expect(counter?.calls == 6)
  }

  // MARK: Connections of one user

  private func fill(_ stage: Stage, _ count: Int, maximum: Int = 10) throws {
    for number in 0..<count {
      let settings = ["ACCESS": "open", "MAX_CONNECTIONS_PER_USER": "\(maximum)"]
      #expect(try stage.connect([("userId", "u-1")], access: settings, id: name(number)) == Stage.connected)
    }
  }

  private func living(_ stage: Stage) throws -> Set<String> {
    Set(try stage.connections.connections(of: "u-1").map(\.id.text))
  }

  @Test("the eleventh connection of a user closes the oldest, which is told why; other users are left alone")
  func eleventh() throws {
    let stage = Stage()
    _ = try stage.connect([("userId", "u-2")], id: ConnectionID("OTHER="))
    try fill(stage, 10)
    #expect(stage.ear.closed.isEmpty && stage.ear.asked.isEmpty)
    stage.clock.advance(seconds: 60)
    _ = try stage.connect([("userId", "u-1")], id: name(10))
    #expect(stage.ear.closed == ["C0="])
    try #require(stage.ear.frames(to: name(0)).count == 1)
    #expect(stage.ear.frames(to: name(0))[0].hasPrefix(#"{"type":"error","code":"limit","message":"#))
    #expect(try living(stage) == Set((1...10).map { name($0).text }))
    #expect(try stage.connections.connection(id: name(0)) == nil)
    #expect(try stage.connections.connection(id: ConnectionID("OTHER=")!) != nil)
    #expect(stage.lines.all.contains { $0.contains(#""closed":"C0=""#) && $0.contains(#""event":"audit""#) })
  }

  @Test("connections that are gone make room, and nobody who is there is closed for them")
  func gone() throws {
    let stage = Stage()
    try fill(stage, 10)
    stage.clock.advance(seconds: 60)
    stage.ear.gone = ["C3=", "C4="]
    _ = try stage.connect([("userId", "u-1")], id: name(10))
    #expect(stage.ear.closed.isEmpty && stage.ear.posts.isEmpty)
    #expect(try living(stage) == Set([0, 1, 2, 5, 6, 7, 8, 9, 10].map { name($0).text }))
  }

  @Test("a young connection, of which 410 says nothing yet, is not asked")
  func young() throws {
    let stage = Stage()
    try fill(stage, 10)
    stage.ear.gone = Set((0..<10).map { name($0).text })
    _ = try stage.connect([("userId", "u-1")], id: name(10))
    #expect(stage.ear.asked.isEmpty && stage.ear.closed == ["C0="])
  }

  @Test("of connections that come at once all see the same ones too many, whoever counts last, and one of them stays")
  func racers() throws {
    for maximum in 1...3 {
      // Each has written its row when any of them counts: the oldest finds itself, nobody is closed twice over.
      let stage = Stage()
      let settings = ["ACCESS": "open", "MAX_CONNECTIONS_PER_USER": "\(maximum)"]
      let start = stage.clock.clock.milliseconds()
      var answers: [String] = []
      for number in [4, 2, 3, 1] {
        var context = stage.context("CONNECT", id: name(number))
        context.connectedAtMilliseconds = start + Int64(number)
        let event = GatewayEvent.connect(
          ConnectEvent(context: context, query: QueryParameters([(name: "userId", value: "u-1")])))
        var handler = try stage.connector(Environment(settings))
        answers.append(text(try handler.handle(event.encoded(), context: stage.invocation)))
      }
      #expect(try living(stage) == Set((5 - maximum...4).map { name($0).text }), "maximum \(maximum)")
      #expect(answers[3].hasPrefix(#"{"statusCode":429,"#) && answers[0] == Stage.connected)
      #expect(!stage.ear.closed.contains("C4="))
    }
  }

  @Test("far too many are closed fifty at a time, the oldest first")
  func farTooMany() throws {
    let stage = Stage()
    try fill(stage, 70, maximum: 100)
    stage.clock.advance(seconds: 60)
    let settings = ["ACCESS": "open", "MAX_CONNECTIONS_PER_USER": "5"]
    _ = try stage.connect([("userId", "u-1")], access: settings, id: name(70))
    #expect(stage.ear.closed == (0..<50).map { name($0).text } && stage.ear.asked == stage.ear.closed)
    _ = try stage.connect([("userId", "u-1")], access: settings, id: name(71))
    #expect(try living(stage) == Set((67...71).map { name($0).text }))
  }

  @Test("the oldest whose own handshake is just ending is waited for, told and closed")
  func establishing() throws {
    let stage = Stage()
    try fill(stage, 2, maximum: 2)
    stage.ear.establishing = ["C0=": 2]
    let settings = ["ACCESS": "open", "MAX_CONNECTIONS_PER_USER": "2"]
    #expect(try stage.connect([("userId", "u-1")], access: settings, id: name(2)) == Stage.connected)
    #expect(stage.ear.closed == ["C0="])
    #expect(try living(stage) == ["C1=", "C2="])
    #expect(stage.lines.all.count { $0.contains("closed: too many") } == 1)
  }

  @Test("one that may still come in keeps its rows, so that it is never there without them; the next connect closes it")
  func neverWithoutRows() throws {
    let stage = Stage()
    try fill(stage, 2, maximum: 2)
    stage.ear.establishing = ["C0=": 4]
    let settings = ["ACCESS": "open", "MAX_CONNECTIONS_PER_USER": "2"]
    _ = try stage.connect([("userId", "u-1")], access: settings, id: name(2))
    #expect(stage.ear.closed.isEmpty)
    #expect(try living(stage) == ["C0=", "C1=", "C2="])
    #expect(try stage.connections.connection(id: name(0)) != nil)
    _ = try stage.connect([("userId", "u-1")], access: settings, id: name(3))
    #expect(try living(stage) == ["C2=", "C3="])
  }

  @Test("one that another connect closes meanwhile is not waited for and not told of twice")
  func closedByAnother() throws {
    let stage = Stage()
    try fill(stage, 2, maximum: 2)
    stage.ear.establishing = ["C0=": 100]
    stage.ear.whenNotYet = { _ = try? stage.connections.disconnect(id: self.name(0)) }
    let settings = ["ACCESS": "open", "MAX_CONNECTIONS_PER_USER": "2"]
    _ = try stage.connect([("userId", "u-1")], access: settings, id: name(2))
    #expect(stage.ear.establishing["C0="] == 99)
    #expect(!stage.lines.all.contains { $0.contains("C0=") && $0.contains("too many") })
    #expect(try living(stage) == ["C1=", "C2="])
  }

  @Test("one that cannot be closed keeps its row, and the next connect tries again")
  func stubborn() throws {
    let stage = Stage()
    stage.ear.stubborn = ["C0="]
    try fill(stage, 3, maximum: 2)
    #expect(stage.ear.closed.isEmpty)
    #expect(try living(stage).count == 3)
    stage.ear.stubborn = []
    let settings = ["ACCESS": "open", "MAX_CONNECTIONS_PER_USER": "2"]
    _ = try stage.connect([("userId", "u-1")], access: settings, id: name(3))
    #expect(stage.ear.closed == ["C0=", "C1="])
    #expect(try living(stage) == ["C2=", "C3="])
  }

  @Test("a table that fails at the count does not undo the connection")
  func failingCount() throws {
    let stage = Stage { FailingTable($0, failing: 2) }
    #expect(try stage.connect([("userId", "u-1")]) == Stage.connected)
    #expect(stage.lines.all.contains { $0.contains("not counted") })
  }
}
