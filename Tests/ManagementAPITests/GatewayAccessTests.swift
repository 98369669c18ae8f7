import ManagementAPI
import Messaging
import Telemetry
import TestSupport
import Testing

@Suite struct GatewayAccessTests {
  let keys = ["AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "eu-west-1"]

  @Test(arguments: [nil, "never", "always"])
  func `a plain endpoint is called unsigned, unless it is said otherwise`(_ sign: String?) throws {
    let server = ScriptedServer { _ in [.answer(200)] }
    defer { server.stop() }
    var variables = keys
    variables["API_GATEWAY_SIGN"] = sign
    let client = try GatewayAccess(environment: Environment(variables)).client(for: server.url)
    _ = try client.send(Call(verb: .post([]), id: ConnectionID("a=")!))
    #expect(server.requests[0].head.contains("Authorization: AWS4-HMAC-SHA256") == (sign == "always"))
    #expect(server.requests[0].head.contains("/eu-west-1/execute-api/aws4_request") == (sign == "always"))
  }

  @Test func `an endpoint with TLS is called signed, and needs a region`() throws {
    let nowhere = Environment(["HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true"])
    let access = GatewayAccess(environment: nowhere)
    _ = try access.client(for: "https://abc.execute-api.eu-west-1.amazonaws.com/prod")
    #expect(throws: (any Error).self) { try access.client(for: "https://events.example.com") }
    let client = try access.client(for: "https://abc.execute-api.eu-west-1.amazonaws.com/prod")
    let error = try #require(throws: ManagementError.self) {
      try client.send(Call(verb: .get, id: ConnectionID("a=")!))
    }
    #expect(error.kind == .noCredentials)
  }

  @Test func `a word that says nothing about signing is refused`() {
    let access = GatewayAccess(environment: Environment(["API_GATEWAY_SIGN": "yes"]))
    #expect(throws: InvalidVariable.self) { try access.client(for: "http://127.0.0.1:1") }
  }

  @Test func `the endpoint behind an event has its stage in the path, but for a custom domain`() {
    #expect(
      GatewayAccess.endpoint(domainName: "abc.execute-api.eu-west-1.amazonaws.com", stage: "prod")
        == "https://abc.execute-api.eu-west-1.amazonaws.com/prod")
    #expect(GatewayAccess.endpoint(domainName: "events.example.com", stage: "prod") == "https://events.example.com")
  }
}
