// swift-tools-version: 6.2
import PackageDescription

let products = ["LambdaEvents", "LambdaRuntime", "Messaging", "TableBackends", "TickertapeHandlers"]

let package = Package(
  name: "Chat",
  dependencies: [.package(name: "tickertape", path: "../..")],
  targets: [
    .executableTarget(name: "Chat", dependencies: products.map { .product(name: $0, package: "tickertape") })
  ]
)
