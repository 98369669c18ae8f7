import LambdaRuntime

LambdaRuntime.run(streaming: Streams())
