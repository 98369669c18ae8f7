import Glibc

// StreamBenchmark append FILE EVENTS BATCH BYTES [keys]   appends to a log in a new SQLite file
// StreamBenchmark resume FILE SEGMENT ROUNDS              1,000 missed events, SEGMENT in each append: read and framed
// StreamBenchmark shape EVENTS KEYS ROUNDS                folds, encodes and batches a round of so many events
//
// Each prints one JSON line.

let arguments = Array(CommandLine.arguments.dropFirst())
let numbers = arguments.compactMap { Int($0) }
switch (arguments.first, numbers.count) {
case ("append", 3):
  let figures = try AppendFigures(
    path: arguments[1], events: numbers[0], batch: numbers[1], bytes: numbers[2], hasKeys: arguments.last == "keys")
  try figures.run()
case ("resume", 2): try ResumeFigures(path: arguments[1], segment: numbers[0]).run(rounds: numbers[1])
case ("shape", 3): ShapingFigures(events: numbers[0], keys: numbers[1]).run(rounds: numbers[2])
default:
  print("usage: StreamBenchmark append FILE EVENTS BATCH BYTES [keys]")
  print("       StreamBenchmark resume FILE SEGMENT ROUNDS | StreamBenchmark shape EVENTS KEYS ROUNDS")
  exit(2)
}
