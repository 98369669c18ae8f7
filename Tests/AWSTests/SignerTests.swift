import AWS
import TestSupport
import Testing

@Suite struct SignerTests {
  let credentials = Credentials(
    accessKeyID: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    sessionToken: String(repeating: "token+/=", count: 112))

  @Test func `a path that is sent encoded is signed encoded twice`() {
    let canonical = CanonicalRequest(
      method: "POST", target: "/prod/@connections/R0oXAdfD0kwCH6w%3D", headers: [("Host", "example.com")],
      payload: CanonicalRequest.payloadHash([]))
    #expect(canonical.text.split(separator: "\n")[1] == "/prod/%40connections/R0oXAdfD0kwCH6w%253D")
  }

  @Test func `a query that is sent encoded is signed encoded once`() {
    let canonical = CanonicalRequest(
      method: "GET", target: "/?b=%2f+x&a&b=%20", headers: [], payload: CanonicalRequest.payloadHash([]))
    #expect(canonical.text.split(separator: "\n")[2] == "a=&b=%20&b=%2F%2Bx")
  }

  @Test func `no description tells a secret`() {
    let signer = RequestSigner(credentials, region: "eu-west-1", service: "execute-api", host: "example.com")
    var dumped = ""
    dump(credentials, to: &dumped)
    dump(signer, to: &dumped)
    var used = Signer(region: "eu-west-1", service: "execute-api")
    _ = used.headers(
      signing: Signer.Request(method: "GET", target: "/", headers: [("Host", "example.com")]), with: credentials,
      at: SigningMoment(secondsSinceEpoch: 0))
    dump(used, to: &dumped)
    for text in [dumped, "\(credentials)", "\(signer)", "\(used)", String(reflecting: credentials)] {
      #expect(!text.contains("wJal") && !text.contains("token+"), "\(text)")
    }
    #expect("\(credentials)" == "Credentials(AKIDEXAMPLE, with a session token)")
  }

  @Test func `a key kept for a day is not used for the next day, nor for another secret`() {
    var kept = Signer(region: "eu-west-1", service: "dynamodb")
    let request = Signer.Request(method: "GET", target: "/", headers: [("Host", "example.com")])
    let other = Credentials(accessKeyID: "AKIDEXAMPLE", secretAccessKey: "another")
    for (seconds, credentials) in [(0, credentials), (86_400, credentials), (86_400, other), (0, credentials)] {
      let moment = SigningMoment(secondsSinceEpoch: Int64(seconds))
      var fresh = Signer(region: "eu-west-1", service: "dynamodb")
      let expected = fresh.headers(signing: request, with: credentials, at: moment).map(\.value)
      #expect(kept.headers(signing: request, with: credentials, at: moment).map(\.value) == expected)
    }
  }

  @Test(arguments: [true, false]) func `many requests signed in a row are signed as each alone`(_ withToken: Bool) {
    let seed = UInt64.random(in: 1 ... .max)
    var random = SeededGenerator(seed)
    let credentials = withToken ? credentials : Credentials(accessKeyID: "AKID", secretAccessKey: "secret")
    var fast = RequestSigner(credentials, region: "eu-west-1", service: "execute-api", host: "example.com:8443")
    var slow = Signer(region: "eu-west-1", service: "execute-api")
    for _ in 0..<200 {
      let path =
        "/prod/@connections/" + String((0..<15).map { _ in "ABCxyz019-_".randomElement(using: &random)! }) + "%3D"
      let body = (0..<Int.random(in: 0...3, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
      // Mostly the same second, at times one around midnight.
      let seconds = Int64([1_800_000_000, 1_800_057_599, 1_800_057_600].randomElement(using: &random)!)
      var bytes = Array("POST \(path)".utf8)
      let start = bytes.count
      fast.appendHeaders(method: "POST", path: 5..<start, body: body, secondsSinceEpoch: seconds, to: &bytes)
      let expected = slow.headers(
        signing: Signer.Request(
          method: "POST", target: path, headers: [("Host", "example.com:8443")], body: body),
        with: credentials, at: SigningMoment(secondsSinceEpoch: seconds)
      ).map { "\($0.name): \($0.value)\r\n" }.joined()
      #expect(text(bytes[start...]) == expected, "seed \(seed)")
    }
  }
}
