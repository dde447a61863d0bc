# A static binary in an empty image: no shell, no libraries, no user but a number.
#
#   docker build -t hearken .
#   docker run --rm -e DATABASE_URL=postgres://… -v "$PWD/routines:/routines:ro" hearken

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
# `--target` is named, though it is the machine's own, so that `crt-static` holds
# for the binary alone: build scripts and procedural macros must stay dynamic.
RUN target="$(uname -m)-unknown-linux-gnu" \
    && RUSTFLAGS="-C target-feature=+crt-static" cargo build --release --locked --bin hearken --target "$target" \
    && install -D "target/$target/release/hearken" /image/hearken \
    && install -d /image/routines \
    && /image/hearken --version

FROM scratch
COPY --from=build /image /
# A number, so that an orchestrator can tell that this is not root.
USER 65532:65532
WORKDIR /
# Beyond loopback, which in a container nobody else can reach. Nothing served
# here changes anything; publish the port to whom it concerns.
ENV HEARKEN_HTTP=0.0.0.0:9464
EXPOSE 9464
# Certificates: the binary carries the public roots. For your own, mount the file
# and name it with `sslrootcert=`.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["/hearken", "health"]
ENTRYPOINT ["/hearken"]
CMD ["run"]
