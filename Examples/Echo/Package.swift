// swift-tools-version: 6.2
import PackageDescription

let products = ["LambdaEvents", "LambdaRuntime", "TickertapeHandlers"]

let package = Package(
  name: "Echo",
  dependencies: [.package(name: "tickertape", path: "../..")],
  targets: [
    .executableTarget(name: "Echo", dependencies: products.map { .product(name: $0, package: "tickertape") })
  ]
)
