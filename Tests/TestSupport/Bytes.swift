/// The UTF-8 bytes of a text.
package func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// The text of bytes, repaired if they are not UTF-8.
package func text(_ bytes: some Sequence<UInt8>) -> String { String(decoding: Array(bytes), as: UTF8.self) }
