# One image for the operator, its broker and the courier: Node, two bundled programs, and sbd, which a task container is given.
FROM node:26-slim AS node
# The debug symbols of the official binary are a fifth of its size.
RUN apt-get update && apt-get install -y --no-install-recommends binutils \
 && mkdir -p /out/opt/sb /out/etc /out/tmp /out/usr/local/bin \
 && strip -o /out/usr/local/bin/node /usr/local/bin/node \
 && for lib in $(ldd /usr/local/bin/node | grep -o '/[^ ]*'); do mkdir -p "/out$(dirname "$lib")" && cp -L "$lib" "/out$lib"; done \
 && chmod 1777 /out/tmp \
 && echo 'sb:x:10001:10001::/tmp:/none' > /out/etc/passwd && echo 'sb:x:10001:' > /out/etc/group \
 && echo 'hosts: files dns' > /out/etc/nsswitch.conf \
 && chroot /out /usr/local/bin/node --version

# Bundles are the same for every platform.
FROM --platform=$BUILDPLATFORM node:26-slim AS build
WORKDIR /src
COPY package.json package-lock.json ./
# Both secrets are optional: a registry configuration and the certificates of a network that brings its own.
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc,required=false --mount=type=secret,id=ca,required=false \
    if [ -f /run/secrets/ca ]; then export npm_config_cafile=/run/secrets/ca NODE_EXTRA_CA_CERTS=/run/secrets/ca; fi; \
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
COPY src src
COPY release/image release/image
RUN npm run --silent bundle

# What V8 compiles of them is good for this platform and this Node.
FROM node AS compiled
COPY --from=build /src/dist/bundle /out/app
RUN chroot /out /usr/local/bin/node --heap-growing-percent=200 /app/compile.js operator \
 && chroot /out /usr/local/bin/node --no-turbofan /app/compile.js courier \
 && rm /out/app/compile.js

# The first process of a task container. The compiler runs on the builder's own platform, whatever it builds for.
# Where no golang image can be had, `--build-context sbd=dist/sbd` takes this stage's place; `npm run build:sbd` makes the folder.
FROM --platform=$BUILDPLATFORM golang:1.26 AS sbd
WORKDIR /src
COPY sbd .
ARG TARGETARCH
RUN CGO_ENABLED=0 GOOS=linux GOARCH=$TARGETARCH \
    go build -trimpath -buildvcs=false -ldflags "-s -w -buildid=" -o "/linux-$TARGETARCH/sbd" .

FROM scratch
ARG TARGETARCH
COPY --from=node /out /
COPY --from=sbd --chmod=755 /linux-$TARGETARCH/sbd /opt/sb/
COPY --from=compiled /out/app /app
ENV NODE_ENV=production PATH=/usr/local/bin
USER 10001:10001
WORKDIR /app
CMD ["node", "/app/operator.js"]
