/// The token that the user probably meant.
enum Suggestion {
  /// `; did you mean --port?`, or nothing if no known word is near.
  static func phrase(for token: String, among known: [String]) -> String {
    nearest(to: token, among: known).map { "; did you mean \($0)?" } ?? ""
  }

  /// The known word with the fewest edits, if these are at most a third of the letters (and two for short words), or
  /// the only one that begins so.
  static func nearest(to token: String, among known: [String]) -> String? {
    let letters = Array(token.lowercased().utf8)
    let bound = max(2, letters.count / 3)
    let distances = known.map { (token: $0, edits: edits(letters, right: Array($0.lowercased().utf8))) }
    if let best = distances.min(by: { $0.edits < $1.edits }), best.edits <= bound { return best.token }
    let longer = known.filter { $0.lowercased().hasPrefix(token.lowercased()) }
    return longer.count == 1 ? longer[0] : nil
  }

  /// Insertions, deletions, replacements and swaps of neighbours that turn one word into the other (optimal string
  /// alignment).
  private static func edits(_ left: [UInt8], right: [UInt8]) -> Int {
    var before: [Int] = []
    var above = Array(0...right.count)
    for (row, letter) in left.enumerated() {
      var line = [row + 1]
      for (column, other) in right.enumerated() {
        var cost = min(above[column] + (letter == other ? 0 : 1), above[column + 1] + 1, line[column] + 1)
        if row > 0, column > 0, letter == right[column - 1], left[row - 1] == other {
          cost = min(cost, before[column - 1] + 1)
        }
        line.append(cost)
      }
      before = above
      above = line
    }
    return above[right.count]
  }
}
