/**
 * What CodeBuild runs: one text for all builds, whose values come by environment variables alone, so that nothing that people write is ever
 * read by a shell. CodeBuild repeats every command in the log, so the commands are short and the steps stand in a file.
 */

/** How a build that runs commands logs in, and says why it failed. */
export const LOGIN_STEPS = `\
# The line that the operator reads where the build knows better than its log why it failed.
fail() {
  printf 'sb-build: %s: %s\\n' "$1" "$2"
  return 1
}

# ECR Public serves those without a login once a second and counts what they pull. Its logins are made in one region alone, and a build that gets
# none goes on without.
public_token() {
  timeout 60 aws ecr-public get-authorization-token --region us-east-1 --query authorizationData.authorizationToken --output text 2> /dev/null
}

# ECR's token is base64 of AWS:<password>, which is what Docker's own login writes; no daemon is needed. It is good for one registry, and no
# other host may ever see it.
login() {
  local answer token endpoint logins public=""
  # Before the other login, which a build that takes long needs as fresh as it can be.
  if [ -n "$SB_PUBLIC_REGISTRY" ]; then
    if token="$(public_token)"; then
      public=",\\"$SB_PUBLIC_REGISTRY\\":{\\"auth\\":\\"$token\\"}"
    else
      echo "no login at $SB_PUBLIC_REGISTRY: what is pulled from there is pulled without one"
    fi
  fi
  answer="$(aws ecr get-authorization-token --query 'authorizationData[0].[authorizationToken,proxyEndpoint]' --output text)" || return
  read -r token endpoint <<< "$answer"
  if [ "$endpoint" != "https://$SB_REGISTRY" ]; then
    fail RepositoryNotAllowed "spec.repository: $SB_REGISTRY is not $endpoint, the registry that builds are logged in to"
    return 1
  fi
  logins="\\"$SB_REGISTRY\\":{\\"auth\\":\\"$token\\"}$public"
  if [ -n "$SB_DOCKERHUB_USERNAME" ]; then
    token="$(printf '%s:%s' "$SB_DOCKERHUB_USERNAME" "$SB_DOCKERHUB_PASSWORD" | base64 | tr -d '\\n')"
    logins="$logins,\\"https://index.docker.io/v1/\\":{\\"auth\\":\\"$token\\"}"
  fi
  export DOCKER_CONFIG="\${DOCKER_CONFIG:-$HOME/.docker}"
  mkdir -p "$DOCKER_CONFIG"
  (umask 077 && printf '{"auths":{%s}}\\n' "$logins" > "$DOCKER_CONFIG/config.json")
}
`;

/** Sourced by each command: CodeBuild keeps variables from one to the next, and does not promise to keep functions. */
const STEPS = `\
${LOGIN_STEPS}
# What is built is the archive whose bytes were checked, and not what CodeBuild has unpacked of its own copy.
context() {
  local version=() archive="$SB_WORK/context.zip"
  if [ -n "$SB_CONTEXT_VERSION" ]; then version=(--version-id "$SB_CONTEXT_VERSION"); fi
  aws s3api get-object --bucket "$SB_CONTEXT_BUCKET" --key "$SB_CONTEXT_KEY" "\${version[@]}" "$archive" > /dev/null || return
  printf '%s  %s\\n' "$SB_CONTEXT_SHA256" "$archive" | sha256sum --check --status || {
    fail ContextMismatch "s3://$SB_CONTEXT_BUCKET/$SB_CONTEXT_KEY does not have the SHA-256 $SB_CONTEXT_SHA256"
    return 1
  }
  mkdir "$SB_WORK/context" && unzip -qo "$archive" -d "$SB_WORK/context" < /dev/null || {
    fail ContextMismatch "s3://$SB_CONTEXT_BUCKET/$SB_CONTEXT_KEY is no archive that can be unpacked"
    return 1
  }
  rm "$archive"
}

# Whether a program other than Docker's own may read the Dockerfile (# syntax=, or a JSON with that key). Such a frontend can say of any layer
# what it is made of, so it neither reads nor leaves layers that others build upon. A file that is not where it seems to be is not looked into.
has_own_frontend() {
  local file="$SB_WORK/context/$SB_DOCKERFILE"
  [ "$(realpath "$file")" = "$(realpath "$SB_WORK/context")/$SB_DOCKERFILE" ] || return 0
  LC_ALL=C grep --text -iE 'syntax|^[^[:alnum:]#]*[{]' "$file" > "$SB_WORK/syntax"
  [ $? -le 1 ] || return 0
  LC_ALL=C grep --text -qvE '^#[[:space:]]*syntax[[:space:]]*=[[:space:]]*(docker[.]io/)?docker/dockerfile(:[A-Za-z0-9._-]+)?(@sha256:[0-9a-f]+)?[[:space:]]*$' \\
    "$SB_WORK/syntax"
}

# An image of the build environment that brings a builder of this name has it used.
builder() {
  docker buildx inspect sb > /dev/null 2>&1 ||
    docker buildx create --name sb --driver docker-container --driver-opt "image=$SB_BUILDKIT_IMAGE" --bootstrap
}

# A login to ECR lasts twelve hours and a build up to 36. The registry refuses an ended one without a word that would tell it from a missing
# permission, so a push that is refused like that is made once more after a new login; the layers are there already. What a RUN step prints has a number before it.
build_and_push() {
  cd "$SB_WORK/context" || return
  timeout --kill-after=30 "$SB_TIMEOUT_SECONDS" \\
    docker buildx build --builder sb --platform "$SB_PLATFORM" --file "./$SB_DOCKERFILE" "\${arguments[@]}" \\
    --tag "$SB_IMAGE" --push --provenance=false --progress=plain --metadata-file "$SB_WORK/metadata.json" \\
    . 2>&1 | tee "$SB_WORK/log"
  return \${PIPESTATUS[0]}
}

build() {
  local arguments=() argument started status
  while IFS= read -r -d '' argument; do arguments+=("--build-arg=$argument"); done \\
    < <(printf '%s' "$SB_BUILD_ARGS" | base64 -d)
  if [ -n "$SB_TARGET" ]; then arguments+=("--target=$SB_TARGET"); fi
  if [ -n "$SB_CACHE" ] && ! has_own_frontend; then
    arguments+=("--cache-from=type=registry,ref=$SB_CACHE")
    if [ "$SB_KEEP_LAYERS" = true ]; then
      arguments+=("--cache-to=type=registry,ref=$SB_CACHE,mode=max,ignore-error=true,image-manifest=true,oci-mediatypes=true")
    fi
  fi
  if [ -n "$SB_SOURCE_POLICY" ]; then
    printf '%s' "$SB_SOURCE_POLICY" | base64 -d > "$SB_WORK/source-policy.json"
    export EXPERIMENTAL_BUILDKIT_SOURCE_POLICY="$SB_WORK/source-policy.json"
  fi
  unset SB_DOCKERHUB_USERNAME SB_DOCKERHUB_PASSWORD
  started=$SECONDS
  build_and_push
  status=$?
  if [ "$status" -ne 0 ] && grep -E '^ERROR: .*failed to push .*(403 Forbidden|token has expired)' "$SB_WORK/log" > /dev/null; then
    login && build_and_push
    status=$?
  fi
  if [ "$status" -eq 0 ]; then
    # The outermost key: annotations, further in, are written by whoever writes a frontend.
    SB_IMAGE_DIGEST="$(sed -n 's/^  "containerimage.digest": "\\(sha256:[0-9a-f]*\\)",\\{0,1\\}$/\\1/p' "$SB_WORK/metadata.json")"
    export SB_IMAGE_DIGEST
  elif [ $((SECONDS - started)) -ge "$SB_TIMEOUT_SECONDS" ]; then
    fail BuildTimeout "the build outlived its $SB_TIMEOUT_SECONDS seconds"
  else
    return "$status"
  fi
}
`;

/** Every line that is not empty, by so many spaces. */
export const indented = (text: string, by: number): string => text.replaceAll(/^(?=.)/gm, ' '.repeat(by));

/** The build specification, for bash. */
export const BUILDSPEC = `\
version: 0.2
env:
  shell: bash
  exported-variables:
    - SB_IMAGE_DIGEST
phases:
  install:
    commands:
      - export SB_WORK="$(mktemp -d)"
      - |
        cat > "$SB_WORK/steps.sh" <<'STEPS'
${indented(STEPS, 8)}\
        STEPS
  pre_build:
    commands:
      - . "$SB_WORK/steps.sh" && login
      - . "$SB_WORK/steps.sh" && context
      - . "$SB_WORK/steps.sh" && builder
  build:
    commands:
      - . "$SB_WORK/steps.sh" && build
`;
