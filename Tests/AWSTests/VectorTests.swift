import AWS
import Crypto
import Testing

/// Every stage of every case, so that a failure says where the two part.
@Suite struct VectorTests {
  /// 2015-08-30T12:36:00Z, of every case.
  let moment = SigningMoment(secondsSinceEpoch: 1_440_938_160)

  @Test func `all thirty-eight cases are here, at one time`() throws {
    #expect(Vector.all.count == 38)
    #expect(moment.text == "20150830T123600Z")
    for vector in Vector.all { #expect(try vector.context().timestamp == "2015-08-30T12:36:00Z") }
  }

  @Test(arguments: Vector.all) func `the header form agrees at every stage`(_ vector: Vector) throws {
    let (request, context) = (try vector.request(), try vector.context())
    let canonical = Signer.canonicalRequest(request, credentials: context.credentials, moment: moment)
    #expect(try canonical.text == vector.text("header-canonical-request.txt"))
    let scope = moment.scope(region: context.region, service: context.service)
    let stringToSign = StringToSign.text(canonical, at: moment, scope: scope)
    #expect(try stringToSign == vector.text("header-string-to-sign.txt"))
    let key = SigningKey(secretAccessKey: context.secretAccessKey, scope: scope)
    #expect(try key.signature(of: stringToSign).hexadecimal == vector.text("header-signature.txt"))

    var signer = Signer(region: context.region, service: context.service)
    let lines = try vector.text("header-signed-request.txt").split(separator: "\n").map { lowercasedName($0) }
    for (name, value) in signer.headers(signing: request, with: context.credentials, at: moment) {
      #expect(lines.contains(lowercasedName("\(name):\(value)")))
    }
  }

  @Test(arguments: Vector.all) func `the query form agrees at every stage`(_ vector: Vector) throws {
    let (request, context) = (try vector.request(), try vector.context())
    var signer = Signer(region: context.region, service: context.service)
    let canonical = signer.canonicalPresignedRequest(
      request, credentials: context.credentials, moment: moment, expirySeconds: context.expirySeconds)
    #expect(try canonical.text == vector.text("query-canonical-request.txt"))
    let scope = moment.scope(region: context.region, service: context.service)
    let stringToSign = StringToSign.text(canonical, at: moment, scope: scope)
    #expect(try stringToSign == vector.text("query-string-to-sign.txt"))
    let key = SigningKey(secretAccessKey: context.secretAccessKey, scope: scope)
    #expect(try key.signature(of: stringToSign).hexadecimal == vector.text("query-signature.txt"))

    let target = signer.presignedTarget(
      request, with: context.credentials, at: moment, expirySeconds: context.expirySeconds)
    let first = try vector.text("query-signed-request.txt").prefix { $0 != "\n" }
    #expect("\(request.method) \(target) HTTP/1.1" == first)
  }

  private func lowercasedName(_ line: some StringProtocol) -> String {
    let name = line.prefix { $0 != ":" }
    return name.lowercased() + line.dropFirst(name.count)
  }
}
