import FoundationEssentials
import TestSupport
import Testing

@Suite("Whatever a client sends as frames")
struct FrameCorpusTests {
  @Test("what the fuzzer has found and collected holds", arguments: ["Corpus", "FailCases"])
  func files(folder: String) throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Fuzz/\(folder)/WebSocketFrames")
    let names = try FileManager.default.contentsOfDirectory(atPath: root.path).filter { !$0.hasPrefix(".") }
    for name in names {
      let input = [UInt8](try Data(contentsOf: root.appending(path: name)))
      for cut in [0, input.count / 3, input.count / 2] {
        #expect(FrameAgreement.violation(of: input, cuts: [cut]) == nil, "\(folder)/WebSocketFrames/\(name)")
      }
    }
    #expect(folder != "Corpus" || names.count >= 5)
  }

  @Test("what is made of that by small changes holds")
  func mutations() throws {
    let seed = UInt64.random(in: .min ... .max)
    var corpus = try MutatedCorpus(of: "WebSocketFrames", seed: seed)
    for number in 0..<8000 {
      let input = corpus.next()
      let violation = FrameAgreement.violation(of: input, cuts: [input.count / 3, input.count / 2])
      try #require(violation == nil, "seed \(seed), number \(number): \(input)")
    }
  }
}
