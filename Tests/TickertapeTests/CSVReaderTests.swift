import TestSupport
import Testing

@testable import tickertape

@Suite("Comma-separated values")
struct CSVReaderTests {
  func records(_ content: String, pieceBytes: Int = 7) throws(CommandFailure) -> [[String]] {
    var reader = try CSVReader(.text(content, pieceBytes: pieceBytes))
    var records = [reader.columns]
    while let record = try reader.next() { records.append(record.map { text($0) }) }
    return records
  }

  func refusal(_ content: String) -> String? {
    do throws(CommandFailure) {
      _ = try records(content)
      return nil
    } catch {
      return error.message
    }
  }

  @Test("fields are split at commas, quotes and line ends, whatever the pieces the bytes come in", arguments: 1...9)
  func fields(pieceBytes: Int) throws {
    let content = "a,b,c\r\n1,,3\n\"x,y\",\"say \"\"hi\"\"\",\"two\nlines\"\n\n\"\",été,last"
    #expect(
      try records(content, pieceBytes: pieceBytes) == [
        ["a", "b", "c"], ["1", "", "3"], ["x,y", "say \"hi\"", "two\nlines"], ["", "été", "last"],
      ])
  }

  @Test("a byte order mark and a last line end are no content")
  func ends() throws {
    #expect(try records("\u{FEFF}a,b\n1,2\n") == [["a", "b"], ["1", "2"]])
    #expect(try records("a\n") == [["a"]])
  }

  @Test("whatever is written with RFC 4180's quotes reads back the same")
  func roundTrip() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var generator = SeededGenerator(seed)
    let alphabet = ["a", ",", "\"", "\n", "\r\n", "é", "1", " ", ""]
    for _ in 0..<200 {
      let width = Int.random(in: 2...4, using: &generator)
      let rows = (0..<5).map { _ in
        (0..<width).map { _ in
          (0..<3).map { _ in alphabet.randomElement(using: &generator)! }.joined()
        }
      }
      let header = (0..<width).map { "c\($0)" }
      let content = ([header] + rows).map { row in
        row.map { "\"\($0.replacing("\"", with: "\"\""))\"" }.joined(separator: ",")
      }.joined(separator: "\n")
      let read = try records(content, pieceBytes: Int.random(in: 1...20, using: &generator))
      #expect(read == [header] + rows, "seed \(seed)")
    }
  }

  @Test("what is wrong is reported with the line where its record begins")
  func refusals() {
    #expect(refusal("") == "test.csv is empty: its first line must name the columns")
    #expect(refusal("a,b\n1,2\n3\n") == "test.csv, line 3: 1 field instead of 2")
    #expect(refusal("a,b\n\"x\ny\",2\n1,2,3\n") == "test.csv, line 4: 3 fields instead of 2")
    #expect(refusal("a,b\n1,\"2\n3,4\n") == "test.csv, line 2: a quoted field does not end")
    #expect(refusal("a,b\n1,\"2\"x\n") == "test.csv, line 2: something follows the closing quote of a field")
    #expect(refusal("a,b\n1,x\"y\n") == "test.csv, line 2: a quote inside a field that does not begin with one")
    #expect(refusal("a,b\n1,2\r3,4\n") == "test.csv, line 2: a carriage return without its line feed")
    #expect(refusal("a,a\n") == "test.csv, line 1: column 'a' stands there twice")
  }

  @Test("bytes that are not UTF-8 are refused with their line")
  func invalidUTF8() throws {
    var reader = try CSVReader(.bytes(bytes("a,b\n1,2\n") + [0xFF, 0x2C, 0x33, 0x0A]))
    _ = try reader.next()
    #expect(throws: CommandFailure(code: .failure, message: "test.csv, line 3: not valid UTF-8")) {
      _ = try reader.next()
    }
  }

  @Test("lines are numbered, and come without their ends")
  func lines() throws {
    var reader = LineReader(.text("one\r\n\nthree"))
    var lines: [String] = []
    while case .bytes(let line)? = try reader.next() { lines.append("\(reader.number) \(text(line))") }
    #expect(lines == ["1 one", "2 ", "3 three"])
  }
}
