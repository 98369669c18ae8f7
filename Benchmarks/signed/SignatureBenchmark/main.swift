import AWS
import Glibc

// SignatureBenchmark: what the signature of one post costs, with a session token of 900 characters. Prints one JSON line:
// the median of some rounds, in microseconds of CPU.

struct Benchmark {
  private let paths = (0..<1_000).map { Array("/prod/@connections/R0oXAdfD0kw\($0 + 1_000)%3D".utf8) }
  private let frame = [UInt8](repeating: 0x6D, count: 300)
  private var request: [UInt8] = []
  private var signer = RequestSigner(
    Credentials(
      accessKeyID: "ASIAEXAMPLE", secretAccessKey: "secret",
      sessionToken: String(repeating: "IQoJb3JpZ2luX2VjERIgP/58waM+Dx", count: 30)),
    region: "eu-west-1", service: "execute-api", host: "abc123defg.execute-api.eu-west-1.amazonaws.com")

  /// Microseconds a signature.
  mutating func round() -> Double {
    let before = clock()
    for path in paths {
      request.removeAll(keepingCapacity: true)
      request += path
      signer.appendHeaders(
        method: "POST", path: 0..<path.count, body: frame, secondsSinceEpoch: 1_800_000_000, to: &request)
    }
    return Double(clock() - before) / Double(paths.count)
  }
}

var benchmark = Benchmark()
var rounds: [Double] = []
for _ in 0..<101 { rounds.append(benchmark.round()) }
print("{\"signature_us\":\(rounds.sorted()[50])}")
