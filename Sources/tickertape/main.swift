import Glibc

System.occupyStandardDescriptors()
Interruption.ignoreBrokenPipes()
exit(Tool.run(Array(CommandLine.arguments.dropFirst()), in: .process()).rawValue)
