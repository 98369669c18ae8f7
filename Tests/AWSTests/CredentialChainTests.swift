import AWS
import Glibc
import Telemetry
import TestSupport
import Testing

@Suite struct CredentialChainTests {
  let folder = TemporaryFolder()
  let nowhere = "http://127.0.0.1:1"

  /// The variables of a machine on which nothing is set.
  func variables(_ more: [String: String] = [:]) -> Environment {
    Environment(["HOME": folder.path, "AWS_EC2_METADATA_DISABLED": "true"].merging(more) { _, new in new })
  }

  func write(_ name: String, _ text: String) -> String {
    let path = folder.file(name)
    let file = fopen(path, "w")
    fputs(text, file)
    fclose(file)
    return path
  }

  func error(_ chain: CredentialChain) -> String {
    do throws(CredentialError) {
      return "found \(try chain.credentials())"
    } catch {
      return error.description
    }
  }

  // MARK: The environment

  @Test func `keys of the environment count first`() throws {
    mkdir(folder.file(".aws"), 0o700)
    _ = write(".aws/credentials", "[default]\naws_access_key_id = FILE\naws_secret_access_key = file\n")
    let keys = ["AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token"]
    let found = try CredentialChain(environment: variables(keys)).credentials()
    #expect(found == Credentials(accessKeyID: "AKID", secretAccessKey: "secret", sessionToken: "token"))
    #expect(try CredentialChain(environment: variables()).credentials().accessKeyID == "FILE")
    #expect(try CredentialChain(environment: variables(keys), profile: "default").credentials().accessKeyID == "FILE")
  }

  @Test func `half a pair of keys is a mistake that is told, not passed over`() {
    #expect(
      error(CredentialChain(environment: variables(["AWS_ACCESS_KEY_ID": "AKID"])))
        == "no AWS credentials are found; the environment gives none "
        + "(AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not)")
  }

  @Test func `a key with a line break in it never reaches a header`() {
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN"] {
      var keys = ["AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret"]
      keys[name] = "a\r\nX-Evil: b"
      #expect(error(CredentialChain(environment: variables(keys))).contains("a key holds characters that no key has"))
    }
  }

  @Test func `the error names every location that was tried`() {
    let text = error(CredentialChain(environment: variables()))
    for part in [
      "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set",
      "the profile default in \(folder.path)/.aws/credentials and \(folder.path)/.aws/config gives none (there is no such profile",
      "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_EC2_METADATA_DISABLED is true",
    ] {
      #expect(text.contains(part), "\(text)")
    }
  }

  // MARK: Files

  @Test func `a profile is found by its name in both files, and the credentials file counts first`() throws {
    let config = write(
      "config",
      """
      # of the team
      [default]
      region = us-east-1
      [profile "night shift"]
      region = eu-north-1 ; cold
      s3 =
        aws_access_key_id = NOT-THIS
      aws_access_key_id = CONFIG
      aws_secret_access_key = a/b+c=
      aws_session_token=long
      [plugins]
      aws_access_key_id = NOR-THIS
      """)
    let credentials = write("credentials", "[both]\naws_access_key_id=ONE\naws_secret_access_key=1\n")
    let paths = ["AWS_CONFIG_FILE": config, "AWS_SHARED_CREDENTIALS_FILE": credentials]
    let night = variables(paths.merging(["AWS_PROFILE": "night shift"]) { _, new in new })
    #expect(
      try CredentialChain(environment: night).credentials()
        == Credentials(accessKeyID: "CONFIG", secretAccessKey: "a/b+c=", sessionToken: "long"))
    #expect(try Region.find(environment: night) == "eu-north-1")
    #expect(try CredentialChain(environment: variables(paths), profile: "both").credentials().accessKeyID == "ONE")
    #expect(
      error(CredentialChain(environment: variables(paths), profile: "plugins")).contains("there is no such profile"))
  }

  @Test func `a profile that needs another program says which, and what helps`() {
    let config = write("config", "[profile work]\nsso_session = corp\n")
    let text = error(CredentialChain(environment: variables(["AWS_CONFIG_FILE": config, "AWS_PROFILE": "work"])))
    #expect(text.contains("sso_session") && text.contains("aws configure export-credentials"), "\(text)")
  }

  @Test func `a file that cannot be read is told`() {
    mkdir(folder.file("config"), 0o700)
    let text = error(CredentialChain(environment: variables(["AWS_CONFIG_FILE": folder.file("config")])))
    #expect(text.contains("\(folder.file("config")): Is a directory"), "\(text)")
  }

  @Test func `the region comes from the environment, then from the profile, or the error says where it was looked for`()
  {
    let config = write("config", "[default]\nregion=eu-west-3\n")
    func region(_ more: [String: String]) -> String {
      do throws(RegionError) { return try Region.find(environment: variables(more)) } catch { return error.description }
    }
    #expect(region(["AWS_REGION": "a", "AWS_DEFAULT_REGION": "b", "AWS_CONFIG_FILE": config]) == "a")
    #expect(region(["AWS_DEFAULT_REGION": "b", "AWS_CONFIG_FILE": config]) == "b")
    #expect(region(["AWS_CONFIG_FILE": config]) == "eu-west-3")
    #expect(region([:]).contains("AWS_REGION, AWS_DEFAULT_REGION, the profile default in"))
    #expect(Region.named(inHost: "abc.execute-api.eu-west-1.amazonaws.com") == "eu-west-1")
    #expect(Region.named(inHost: "abc.execute-api.cn-north-1.amazonaws.com.cn") == "cn-north-1")
    #expect(Region.named(inHost: "events.example.com") == nil)
  }

  @Test(
    "the region is eu-central-1 where the investment protocol's variable names the table and nothing says another",
    arguments: [
      ([:], "eu-central-1"), (["AWS_REGION": "eu-west-1"], "eu-west-1"), (["AWS_DEFAULT_REGION": "b"], "b"),
      (["CONNECTION_STORE": "dynamodb:messages"], nil),
    ] as [([String: String], String?)])
  func investmentRegion(_ more: [String: String], expected: String?) {
    let named = more.merging(["STREAM_MESSAGES_TABLE_NAME": "messages"]) { first, _ in first }
    #expect((try? Region.find(environment: variables(named))) == expected)
  }

  @Test("a profile's region wins over that one")
  func investmentRegionOfAProfile() throws {
    let config = write("config", "[default]\nregion=eu-west-3\n")
    let named = variables(["STREAM_MESSAGES_TABLE_NAME": "messages", "AWS_CONFIG_FILE": config])
    #expect(try Region.find(environment: named) == "eu-west-3")
  }

  // MARK: The container's endpoint

  static func document(_ id: String, expiration: String = "2030-01-01T00:00:00Z") -> String {
    #"{"Code":"Success","AccessKeyId":"\#(id)","SecretAccessKey":"s","Token":"t","Expiration":"\#(expiration)","N":1}"#
  }

  static func answer(_ body: String) -> ScriptedServer.Step {
    .text("HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
  }

  @Test func `a container's endpoint is asked with its token, which is read anew each time`() throws {
    let server = ScriptedServer { _ in [Self.answer(Self.document("ECS"))] }
    defer { server.stop() }
    let token = write("token", "first\n")
    let chain = CredentialChain(
      environment: variables([
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "\(server.url)/creds?id=1",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": token,
      ]))
    let found = try chain.credentials()
    #expect(found.accessKeyID == "ECS" && found.expirySecondsSinceEpoch == 1_893_456_000)
    #expect(try chain.credentials() == found)
    #expect(server.requests.count == 1)
    #expect(server.requests[0].target == "/creds?id=1" && server.requests[0].head.contains("Authorization: first"))
    _ = write("token", "second")
    chain.discard(found)
    _ = try chain.credentials()
    #expect(server.requests[1].head.contains("Authorization: second"))
  }

  @Test func `a relative address is the container host's`() throws {
    let server = ScriptedServer { _ in [Self.answer(Self.document("ECS"))] }
    defer { server.stop() }
    let environment = variables([
      "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/creds", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "word",
    ])
    #expect(try CredentialChain(environment: environment, containerHost: server.url).credentials().accessKeyID == "ECS")
    #expect(server.requests[0].target == "/v2/creds" && server.requests[0].head.contains("Authorization: word"))
  }

  @Test(arguments: [
    "http://example.com/creds", "http://169.254.170.3/", "http://10.0.0.1/", "http://127.evil.example/",
  ])
  func `the token goes to no other host in the clear`(_ address: String) {
    let text = error(CredentialChain(environment: variables(["AWS_CONTAINER_CREDENTIALS_FULL_URI": address])))
    #expect(text.contains("may not be asked"), "\(text)")
  }

  @Test func `an endpoint that is broken for a moment is asked again, one that refuses is not`() throws {
    let server = ScriptedServer { $0.number < 3 ? [.answer(500)] : [Self.answer(Self.document("ECS"))] }
    defer { server.stop() }
    let environment = variables(["AWS_CONTAINER_CREDENTIALS_FULL_URI": server.url])
    #expect(try CredentialChain(environment: environment).credentials().accessKeyID == "ECS")
    let refusing = ScriptedServer { _ in [.answer(403)] }
    defer { refusing.stop() }
    let text = error(CredentialChain(environment: variables(["AWS_CONTAINER_CREDENTIALS_FULL_URI": refusing.url])))
    #expect(text.contains("answered 403") && refusing.requests.count == 1, "\(text)")
  }

  @Test(arguments: ["", "{", #"{"AccessKeyId":"A"}"#, "[]"])
  func `an answer that holds no credentials is told`(_ body: String) {
    let server = ScriptedServer { _ in [Self.answer(body)] }
    defer { server.stop() }
    let text = error(CredentialChain(environment: variables(["AWS_CONTAINER_CREDENTIALS_FULL_URI": server.url])))
    #expect(text.contains("holds no credentials"), "\(text)")
  }

  // MARK: The instance's metadata

  @Test func `an instance's metadata are asked for a token, for the role, for its credentials`() throws {
    let server = ScriptedServer { request in
      switch (request.method, request.target) {
      case ("PUT", "/latest/api/token"): [Self.answer("session")]
      case ("GET", "/latest/meta-data/iam/security-credentials/"): [Self.answer("my-role\n")]
      case ("GET", "/latest/meta-data/iam/security-credentials/my-role"): [Self.answer(Self.document("EC2"))]
      default: [.answer(404)]
      }
    }
    defer { server.stop() }
    let environment = Environment(["HOME": folder.path, "AWS_EC2_METADATA_SERVICE_ENDPOINT": "\(server.url)/"])
    #expect(try CredentialChain(environment: environment).credentials().accessKeyID == "EC2")
    #expect(server.requests[0].head.contains("x-aws-ec2-metadata-token-ttl-seconds: 21600"))
    #expect(server.requests[2].head.contains("x-aws-ec2-metadata-token: session"))
  }

  @Test func `an instance without a role, and an address where nobody answers, are told`() {
    let server = ScriptedServer { $0.method == "PUT" ? [Self.answer("session")] : [.answer(404)] }
    defer { server.stop() }
    let roleless = Environment(["HOME": folder.path, "AWS_EC2_METADATA_SERVICE_ENDPOINT": server.url])
    #expect(error(CredentialChain(environment: roleless)).contains("answered 404: the instance has no role"))
    let silent = ScriptedServer { _ in [.silence] }
    defer { silent.stop() }
    let elsewhere = Environment(["HOME": folder.path, "AWS_EC2_METADATA_SERVICE_ENDPOINT": silent.url])
    #expect(
      error(CredentialChain(environment: elsewhere)).contains("the instance's metadata gives none (PUT \(silent.url)"))
  }

  // MARK: Refreshing

  /// Credentials that end an hour after 2027-01-15T08:00:00Z, at which the clock stands, each with its own id.
  private func refreshing(
    _ script: @escaping @Sendable (Int) -> ScriptedServer.Step
  ) -> (
    server: ScriptedServer, chain: CredentialChain, time: SettableClock
  ) {
    let server = ScriptedServer { [script($0.number)] }
    let time = SettableClock(seconds: 1_800_000_000)
    let chain = CredentialChain(
      environment: variables(["AWS_CONTAINER_CREDENTIALS_FULL_URI": server.url]), clock: time.clock)
    return (server, chain, time)
  }

  @Test func `credentials are fetched anew five minutes before they end`() throws {
    let (server, chain, time) = refreshing { number in
      Self.answer(Self.document("\(number)", expiration: "2027-01-15T0\(8 + number):00:00Z"))
    }
    defer { server.stop() }
    #expect(try chain.credentials().accessKeyID == "1")
    time.advance(seconds: 3299)
    #expect(try chain.credentials().accessKeyID == "1")
    time.advance(seconds: 1)
    #expect(try chain.credentials().accessKeyID == "2")
  }

  @Test func `while refreshing fails the old ones serve, and no longer than they are good`() throws {
    let (server, chain, time) = refreshing { number in
      number == 1 ? Self.answer(Self.document("1", expiration: "2027-01-15T09:00:00Z")) : .answer(404)
    }
    defer { server.stop() }
    _ = try chain.credentials()
    time.advance(seconds: 3300)
    #expect(try chain.credentials().accessKeyID == "1")
    #expect(try chain.credentials().accessKeyID == "1")
    #expect(server.requests.count == 2)
    time.advance(seconds: 300)
    #expect(error(chain).contains("answered 404"))
  }
}
