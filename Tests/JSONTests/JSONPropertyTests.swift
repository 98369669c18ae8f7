import JSON
import TestSupport
import Testing

@Suite("JSON, by chance")
struct JSONPropertyTests {
  private static let seeds: [UInt64] = [1, 2, 3, UInt64.random(in: .min ... .max)]

  @Test("a value that is written is read again, and Foundation reads the same", arguments: seeds)
  func roundTrip(seed: UInt64) throws {
    var generator = JSONGenerator(seed: seed)
    for _ in 0..<200 {
      let tree = generator.tree()
      let text = generator.spaced(tree.text)
      #expect(try JSONTree(text) == tree, "seed \(seed)")
      #expect(try JSONOracle.read(text) == JSONOracle(tree), "seed \(seed)")
    }
  }

  @Test("no part of an object or array from its start is a whole text", arguments: seeds)
  func prefixes(seed: UInt64) throws {
    var generator = JSONGenerator(seed: seed)
    for _ in 0..<40 {
      let text = JSONTree.array([generator.tree(), generator.tree()]).text
      for count in 0..<text.count {
        let error = #expect(throws: JSONError.self, "seed \(seed)") { try JSONReader.validate(Array(text[..<count])) }
        #expect(error?.offset ?? 0 <= count, "seed \(seed)")
      }
    }
  }

  @Test("one changed byte is never a crash, and never a disagreement", arguments: seeds)
  func mutations(seed: UInt64) throws {
    var generator = JSONGenerator(seed: seed)
    for _ in 0..<10 {
      let text = JSONTree.object([.init(key: "k", value: generator.tree(depth: 2))]).text
      for place in text.indices.prefix(120) {
        var changed = text
        changed[place] = UInt8.random(in: 0...255, using: &generator)
        let violation = JSONAgreement.violation(of: changed)
        #expect(violation == nil, "seed \(seed): \(changed)")
      }
    }
  }

  @Test("a reader of a part never leaves it", arguments: seeds)
  func parts(seed: UInt64) throws {
    var generator = JSONGenerator(seed: seed)
    for _ in 0..<100 {
      let (before, tree, after) = (generator.tree().text, generator.tree(), generator.tree().text)
      let text = tree.text
      let range = before.count..<before.count + text.count
      var reader = JSONReader(before + text + after, in: range)
      #expect(try Array(reader.rawValue()) == text, "seed \(seed)")
      try reader.end()
      #expect(reader.offset == range.upperBound, "seed \(seed)")
    }
  }

  @Test("what the fuzzer has found and collected holds", arguments: ["Corpus", "FailCases"])
  func fuzzed(folder: String) throws {
    let path = "Fuzz/\(folder)/JSONReader"
    for name in Fixtures.names(in: path) {
      let violation = JSONAgreement.violation(of: try Fixtures.bytes("\(path)/\(name)"))
      #expect(violation == nil, "\(path)/\(name)")
    }
  }

  @Test("what is made of that by small changes holds")
  func mutations() throws {
    let seed = UInt64.random(in: .min ... .max)
    var corpus = try MutatedCorpus(of: "JSONReader", seed: seed)
    for number in 0..<8000 {
      let input = corpus.next()
      let violation = JSONAgreement.violation(of: input)
      try #require(violation == nil, "seed \(seed), number \(number): \(input)")
    }
  }
}
