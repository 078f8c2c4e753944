# Completion of millrace for bash; printed by `millrace completion bash`.
_millrace() {
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} flags='' words=''
    local verbs='copy pipeline run preview schema check list bench version help completion'
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "$verbs" -- "$word")
        return
    fi
    # bash splits --flag=value into three words
    [ "$previous" = = ] && previous=${COMP_WORDS[COMP_CWORD - 2]}
    [ "$word" = = ] && word='' previous=${COMP_WORDS[COMP_CWORD - 1]}
    case $previous in
    --storage-mode) words='hybrid row columnar auto' ;;
    --lossy) words='refuse allow' ;;
    --on-error) words='quarantine fail' ;;
    --delivery) words='auto at_least_once exactly_once' ;;
    --resume) words='never auto require' ;;
    --progress) words='auto plain json off' ;;
    --summary) words='text json off' ;;
    --log-level) words='trace debug info warn error warning' ;;
    --log-format) words='text json' ;;
    --format) words='array lines' ;;
    --compression) words='none gzip zstd lz4 snappy s2 deflate' ;;
    esac
    if [ -n "$words" ]; then
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
        return
    fi
    case ${COMP_WORDS[1]} in
    copy) flags='--from-opt --to-opt --source-config --dest-config --format --compression --system-flags --batch-size --workers --max-concurrency --flush-interval --memory-limit --streaming-mode --ordered --storage-mode --timeout --select --rename --limit --sample --filter --map --infer --lossy --on-error --rejects --max-rejects --accept-rejects --fail-fast --delivery --state-dir --resume --in-place --dry-run --allow-conflicts --progress --summary --log-level --log-format --log-file --metrics --enable-metrics --profile --wrap-scalars --help' ;;
    pipeline) flags='--source-path --dest-path --from-opt --to-opt --source-config --dest-config --format --compression --system-flags --batch-size --workers --max-concurrency --flush-interval --memory-limit --streaming-mode --ordered --storage-mode --timeout --select --rename --limit --sample --filter --map --infer --lossy --on-error --rejects --max-rejects --accept-rejects --fail-fast --delivery --state-dir --resume --in-place --dry-run --allow-conflicts --progress --summary --log-level --log-format --log-file --metrics --enable-metrics --profile --wrap-scalars --help' ;;
    run) flags='--source --destination --from-opt --to-opt --source-config --dest-config --format --compression --system-flags --batch-size --workers --max-concurrency --flush-interval --memory-limit --streaming-mode --ordered --storage-mode --timeout --select --rename --limit --sample --filter --map --infer --lossy --on-error --rejects --max-rejects --accept-rejects --fail-fast --delivery --state-dir --resume --in-place --dry-run --allow-conflicts --progress --summary --log-level --log-format --log-file --metrics --enable-metrics --profile --wrap-scalars --help' ;;
    preview) flags='--from-opt --source-config --system-flags --batch-size --workers --max-concurrency --flush-interval --memory-limit --streaming-mode --ordered --storage-mode --timeout --select --rename --limit --sample --filter --map --infer --lossy --on-error --rejects --max-rejects --accept-rejects --fail-fast --delivery --state-dir --resume --in-place --allow-conflicts --progress --summary --log-level --log-format --log-file --metrics --enable-metrics --profile --wrap-scalars --rows --json --help' ;;
    schema) flags='--from-opt --source-config --system-flags --batch-size --workers --max-concurrency --flush-interval --memory-limit --streaming-mode --ordered --storage-mode --timeout --select --rename --limit --sample --filter --map --infer --lossy --on-error --rejects --max-rejects --accept-rejects --fail-fast --delivery --state-dir --resume --in-place --allow-conflicts --progress --summary --log-level --log-format --log-file --metrics --enable-metrics --profile --wrap-scalars --help' ;;
    check | validate) flags='--from-opt --to-opt --source-config --dest-config --system-flags --batch-size --workers --max-concurrency --flush-interval --memory-limit --streaming-mode --ordered --storage-mode --timeout --select --rename --limit --sample --filter --map --infer --lossy --on-error --rejects --max-rejects --accept-rejects --fail-fast --delivery --state-dir --resume --in-place --allow-conflicts --progress --summary --log-level --log-format --log-file --metrics --enable-metrics --profile --wrap-scalars --connect --json --help' ;;
    list) flags='--json --help' ;;
    bench) flags='--records --runs --baseline --json --help' ;;
    version) flags='--help' ;;
    help) flags='--man --markdown --help' ;;
    completion) flags='--help' ;;
    esac
    if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$word")
        return
    fi
    case ${COMP_WORDS[1]} in
    pipeline | list) words+=' csv json sqlite store generate null' ;;
    help) words+=" $verbs configuration" ;;
    completion) words+=' bash' ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word"; compgen -f -- "$word")
}
complete -o filenames -F _millrace millrace
