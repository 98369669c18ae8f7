import FoundationEssentials

/// Endless inputs that are made of what the fuzzer has collected for a target, by small changes; a seed fixes them.
///
/// libFuzzer looks for inputs that reach new code and needs a build of its own. This is what the ordinary tests can
/// do in a second with the build they have.
package struct MutatedCorpus {
  private let corpus: [[UInt8]]
  private let words: [[UInt8]]
  private var generator: SeededGenerator
  /// No input is longer.
  private static let maximumBytes = 4096

  /// The folder and the dictionary of that name under `Fuzz/`.
  package init(of target: String, seed: UInt64) throws {
    let fuzz = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Fuzz")
    let folder = fuzz.appending(path: "Corpus/\(target)")
    corpus = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
      .filter { !$0.hasPrefix(".") }
      .map { [UInt8](try Data(contentsOf: folder.appending(path: $0))).prefix(Self.maximumBytes) }.map(Array.init)
    words = try String(decoding: Data(contentsOf: fuzz.appending(path: "Dictionaries/\(target).txt")), as: UTF8.self)
      .split(separator: "\n").compactMap(Self.word)
    generator = SeededGenerator(seed)
  }

  package mutating func next() -> [UInt8] {
    var input = corpus.randomElement(using: &generator) ?? []
    for _ in 0..<Int.random(in: 1...5, using: &generator) { change(&input) }
    return Array(input.prefix(Self.maximumBytes))
  }

  private mutating func change(_ input: inout [UInt8]) {
    let offset = Int.random(in: 0...input.count, using: &generator)
    let end = min(input.count, offset + Int.random(in: 1...16, using: &generator))
    switch Int.random(in: 0...6, using: &generator) {
    case 0 where offset < input.count: input[offset] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
    case 1 where offset < input.count: input[offset] = UInt8.random(in: .min ... .max, using: &generator)
    case 2: input.removeSubrange(offset..<end)
    case 3: input.insert(contentsOf: input[offset..<end], at: offset)
    case 4: input.insert(contentsOf: words.randomElement(using: &generator) ?? [], at: offset)
    case 5:
      let other = corpus.randomElement(using: &generator) ?? []
      input.replaceSubrange(offset..., with: other.suffix(Int.random(in: 0...other.count, using: &generator)))
    default: input.insert(UInt8.random(in: .min ... .max, using: &generator), at: offset)
    }
  }

  /// A line of a libFuzzer dictionary: `name="text\x0d\""`, the name optional.
  private static func word(_ line: Substring) -> [UInt8]? {
    guard !line.hasPrefix("#"), let start = line.firstIndex(of: "\""), line.last == "\"" else { return nil }
    var rest = Array(line[line.index(after: start)...].dropLast().utf8)[...]
    var word: [UInt8] = []
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "\\"), let escaped = rest.popFirst() else {
        word.append(byte)
        continue
      }
      guard escaped == UInt8(ascii: "x") else {
        word.append(escaped)
        continue
      }
      word.append(UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) ?? 0)
      rest = rest.dropFirst(2)
    }
    return word
  }
}
