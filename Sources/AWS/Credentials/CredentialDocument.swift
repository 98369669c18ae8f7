import HTTPClient
import JSON

/// What the container's endpoint and the instance's metadata answer.
///
///     {"AccessKeyId":"ASIA…","SecretAccessKey":"…","Token":"…","Expiration":"2026-11-20T18:00:00Z"}
enum CredentialDocument {
  static func credentials(_ body: [UInt8]) -> Credentials? {
    var members: [String: String] = [:]
    do throws(JSONError) {
      var reader = JSONReader(body)
      try reader.beginObject()
      while let key = try reader.nextKey() {
        if try reader.peek() == .string { members[key] = try reader.string() } else { try reader.skip() }
      }
      try reader.end()
    } catch {
      return nil
    }
    guard let id = members["AccessKeyId"], let secret = members["SecretAccessKey"] else { return nil }
    return Credentials(
      accessKeyID: id, secretAccessKey: secret, sessionToken: members["Token"],
      expirySecondsSinceEpoch: members["Expiration"].flatMap(secondsSinceEpoch))
  }

  /// RFC 3339 in UTC, fractions of a second cut off: `2026-11-20T18:00:00Z`.
  static func secondsSinceEpoch(_ text: String) -> Int64? {
    let numbers = text.prefix(19).split { "-T: ".contains($0) }.compactMap { Int64($0) }
    guard numbers.count == 6, text.hasSuffix("Z"), (1...12).contains(numbers[1]), (1...31).contains(numbers[2]) else {
      return nil
    }
    return CivilDay.daysSinceEpoch(year: numbers[0], month: numbers[1], day: numbers[2]) * 86_400
      + numbers[3] * 3600 + numbers[4] * 60 + numbers[5]
  }
}

/// Small requests to an address on this machine or beside it.
struct LocalAsker {
  enum Reply {
    case body([UInt8])
    case failed(String)
  }

  let milliseconds: Int
  let attempts: Int

  /// Asks until an answer with status 200 comes; a status below 500 is final.
  func ask(_ method: String, text: String, headers: [(name: String, value: String)]) -> Reply {
    var reason = ""
    for _ in 0..<attempts {
      do throws(HTTPClientError) {
        let url = try HTTPURL(text)
        let answer = try HTTPSession().send(
          HTTPRequest(
            method: method, url: url, headers: headers, connectMilliseconds: milliseconds,
            totalMilliseconds: milliseconds, maximumBodyBytes: 64 << 10))
        if answer.status == 200 { return .body(answer.body) }
        reason = "\(url.origin) answered \(answer.status)"
        if answer.status < 500 { return .failed(reason) }
      } catch {
        reason = error.description
        if error.kind == .invalidRequest { return .failed(reason) }
      }
    }
    return .failed(reason)
  }
}
