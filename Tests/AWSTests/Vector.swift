import AWS
import FoundationEssentials
import JSON
import Testing

/// One case of AWS's public test suite: a folder of `Tests/Fixtures/sigv4/v4`.
struct Vector: CustomTestStringConvertible {
  let name: String

  static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Fixtures/sigv4/v4")

  static let all: [Vector] = {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.sorted().map(Vector.init)
  }()

  var testDescription: String { name }

  func text(_ file: String) throws -> String {
    let text = String(
      decoding: try Data(contentsOf: Self.folder.appending(path: "\(name)/\(file)")), as: UTF8.self)
    return text
  }

  /// `request.txt`: a line of the head that begins with a space goes on with the header before.
  func request() throws -> Signer.Request {
    let parts = try text("request.txt").split(separator: "\n\n", maxSplits: 1, omittingEmptySubsequences: false)
    let lines = parts[0].split(separator: "\n")
    let method = lines[0].prefix { $0 != " " }
    let target = lines[0].dropFirst(method.count + 1).dropLast(" HTTP/1.1".count)
    var headers: [(name: String, value: String)] = []
    for line in lines.dropFirst() {
      if line.first == " " {
        headers[headers.count - 1].value += "\n\(line)"
      } else {
        let name = line.prefix { $0 != ":" }
        headers.append((String(name), String(line.dropFirst(name.count + 1))))
      }
    }
    var request = Signer.Request(
      method: String(method), target: String(target), headers: headers,
      body: parts.count == 2 ? Array(parts[1].utf8) : [])
    let context = try context()
    request.normalizesPath = context.normalizes
    request.sendsPayloadHash = context.signsBody
    request.signsSessionToken = !context.omitsToken
    return request
  }

  struct Context {
    var accessKeyID = ""
    var secretAccessKey = ""
    var token: String?
    var region = ""
    var service = ""
    var timestamp = ""
    var expirySeconds = 0
    var normalizes = true
    var signsBody = false
    var omitsToken = false

    var credentials: Credentials {
      Credentials(accessKeyID: accessKeyID, secretAccessKey: secretAccessKey, sessionToken: token)
    }
  }

  func context() throws -> Context {
    var context = Context()
    var reader = JSONReader(Array(try text("context.json").utf8))
    try reader.beginObject()
    while let key = try reader.nextKey() {
      switch key {
      case "credentials": try readCredentials(&reader, into: &context)
      case "region": context.region = try reader.string()
      case "service": context.service = try reader.string()
      case "timestamp": context.timestamp = try reader.string()
      case "expiration_in_seconds": context.expirySeconds = Int(try reader.integer())
      case "normalize": context.normalizes = try reader.boolean()
      case "sign_body": context.signsBody = try reader.boolean()
      case "omit_session_token": context.omitsToken = try reader.boolean()
      default: try reader.skip()
      }
    }
    return context
  }

  private func readCredentials(_ reader: inout JSONReader, into context: inout Context) throws {
    try reader.beginObject()
    while let key = try reader.nextKey() {
      switch key {
      case "access_key_id": context.accessKeyID = try reader.string()
      case "secret_access_key": context.secretAccessKey = try reader.string()
      case "token": context.token = try reader.string()
      default: try reader.skip()
      }
    }
  }
}
