import FoundationEssentials
import TestSupport
import Testing

@testable import Access

@Suite("Whatever comes as a token, as claims or as keys")
struct TokenCorpusTests {
  @Test("what the fuzzer has found and collected holds", arguments: ["Corpus", "FailCases"])
  func files(folder: String) throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Fuzz/\(folder)/Tokens")
    let names = try FileManager.default.contentsOfDirectory(atPath: root.path).filter { !$0.hasPrefix(".") }
    for name in names {
      let input = [UInt8](try Data(contentsOf: root.appending(path: name)))
      #expect(TokenAgreement.violation(of: input) == nil, "\(folder)/Tokens/\(name)")
    }
    #expect(folder != "Corpus" || names.count >= 5)
  }

  @Test("what is made of that by small changes holds")
  func mutations() throws {
    let seed = UInt64.random(in: .min ... .max)
    var corpus = try MutatedCorpus(of: "Tokens", seed: seed)
    for number in 0..<3000 {
      let input = corpus.next()
      let violation = TokenAgreement.violation(of: input)
      try #require(violation == nil, "seed \(seed), number \(number): \(input)")
    }
  }

  @Test("all tokens of the fixture, good and bad, and their claims hold")
  func fixture() {
    let fixture = TokenFixture.shared
    for token in fixture.good.map(\.token) + fixture.bad.map(\.token) {
      #expect(TokenAgreement.violation(of: bytes(token)) == nil)
    }
  }
}
