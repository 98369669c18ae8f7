import JSON
import TestSupport
import Testing

@testable import Access

@Suite("Sets of public keys")
struct JSONWebKeysTests {
  @Test(
    "keys for signatures are taken, all others passed over: secrets, other uses, other curves, points off the curve")
  func selection() throws {
    let keys = try JSONWebKeys.decode(TokenFixture.keySet("jwks"))
    #expect(keys.map(\.id) == ["rsa-1", "ec-1"])
    #expect(keys.map(\.algorithm) == [.rs256, .es256])
  }

  @Test(
    "a key that is damaged is passed over",
    arguments: [
      #"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#, #"{"kty":"RSA","n":"","e":""}"#, #"{"kty":"RSA","e":"AQAB"}"#,
      #"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#, #"{"kty":"EC","crv":"P-384","x":"AA","y":"AA"}"#, "{}",
      #"{"kty":"RSA","n":7,"e":"AQAB"}"#, #"{"kty":["RSA"]}"#,
    ])
  func damaged(key: String) throws {
    #expect(try JSONWebKeys.decode(bytes(#"{"keys":[\#(key)]}"#)).isEmpty)
  }

  @Test("what is no set of keys is an error", arguments: ["", "[]", "{", #"{"keys":{}}"#, #"{"keys":[7]}"#, "<html>"])
  func noSet(text: String) {
    #expect(throws: JSONError.self) { try JSONWebKeys.decode(bytes(text)) }
  }

  @Test("of a set without end the first 64 keys are taken")
  func many() throws {
    var reader = JSONReader(TokenFixture.keySet("jwksRotated"))
    try reader.beginObject()
    _ = try reader.nextKey()
    try reader.beginArray()
    _ = try reader.nextElement()
    let key = text(try reader.rawValue())
    let set = #"{"keys":[\#(Array(repeating: key, count: 70).joined(separator: ","))]}"#
    #expect(try JSONWebKeys.decode(bytes(set)).count == 64)
  }
}
