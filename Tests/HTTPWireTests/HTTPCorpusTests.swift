import FoundationEssentials
import HTTPWire
import TestSupport
import Testing

@Suite("HTTP, what the fuzzer collected")
struct HTTPCorpusTests {
  @Test("what the fuzzer has found and collected holds", arguments: ["Corpus", "FailCases"])
  func fuzzed(folder: String) throws {
    let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let path = repository.appending(path: "Fuzz/\(folder)/HTTPReader")
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path.path)) ?? []
    for name in names where !name.hasPrefix(".") {
      let input = try [UInt8](Data(contentsOf: path.appending(path: name)))
      for cut in [0, input.count / 3, input.count / 2] {
        let violation = HTTPAgreement.violation(of: input, cuts: [cut])
        #expect(violation == nil, "\(name)")
      }
    }
  }

  @Test("what is made of that by small changes holds")
  func mutations() throws {
    let seed = UInt64.random(in: .min ... .max)
    var corpus = try MutatedCorpus(of: "HTTPReader", seed: seed)
    for number in 0..<4000 {
      let input = corpus.next()
      let violation = HTTPAgreement.violation(of: input, cuts: [input.count / 3, input.count / 2])
      try #require(violation == nil, "seed \(seed), number \(number): \(input)")
    }
  }
}
