/** What CodeBuild runs to bring an installation's images along. As for images of tasks, values come by variables alone. */
import { LOGIN_STEPS, indented } from '../codebuild/buildspec.ts';

const STEPS = `\
${LOGIN_STEPS}
# Docker Hub and others refuse those who pull much, and registries fail: a copy is made again after a while.
copy() {
  local source="$1" target="$2" pause
  if docker buildx imagetools inspect "$target" > /dev/null 2>&1; then
    echo "$target is there"
    return 0
  fi
  for pause in $SB_PAUSES; do
    sleep "$pause"
    if docker buildx imagetools create --tag "$target" "$source"; then return 0; fi
  done
  fail CopyFailed "$source could not be copied to $target"
}

copies() {
  local source target
  while read -r source target; do
    copy "$source" "$target" < /dev/null || return
  done < <(printf '%s' "$SB_COPIES" | base64 -d)
}

context() {
  local archive="$SB_WORK/context.zip"
  aws s3api get-object --bucket "$SB_CONTEXT_BUCKET" --key "$SB_CONTEXT_KEY" "$archive" > /dev/null || return
  printf '%s  %s\\n' "$SB_CONTEXT_SHA256" "$archive" | sha256sum --check --status || {
    fail ContextMismatch "s3://$SB_CONTEXT_BUCKET/$SB_CONTEXT_KEY does not have the SHA-256 $SB_CONTEXT_SHA256"
    return 1
  }
  mkdir "$SB_WORK/context" && unzip -qo "$archive" -d "$SB_WORK/context" < /dev/null
}

# Base images come from AWS's copy of the official ones, whose names the Dockerfile has without a registry.
image() {
  local base bases=()
  if [ -z "$SB_IMAGE" ]; then return 0; fi
  if docker buildx imagetools inspect "$SB_IMAGE" > /dev/null 2>&1; then
    echo "$SB_IMAGE is there"
    return 0
  fi
  context || return
  docker buildx inspect sb > /dev/null 2>&1 ||
    docker buildx create --name sb --driver docker-container --driver-opt "image=$SB_BUILDKIT_IMAGE" --bootstrap || return
  for base in $SB_BASES; do bases+=("--build-context=$base=docker-image://$SB_BASES_FROM/$base"); done
  cd "$SB_WORK/context" &&
    docker buildx build --builder sb --platform "$SB_PLATFORM" "\${bases[@]}" --tag "$SB_IMAGE" --push --provenance=false --progress=plain .
}
`;

export const TOOLS_BUILDSPEC = `\
version: 0.2
env:
  shell: bash
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
  build:
    commands:
      - . "$SB_WORK/steps.sh" && copies
      - . "$SB_WORK/steps.sh" && image
`;
