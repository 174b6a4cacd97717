# shellcheck shell=bash
# A Python of one's own in the cache, with the packages that a requirements file pins.
# Needs common.sh and packages.sh.
: "${declic_cache:?common.sh comes first}"

python_makes_venvs() {
    command -v "$1" >/dev/null && "$1" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# python_venv REQUIREMENTS: prints the path of a python that has them; made once for each content of the file.
python_venv() {
    local requirements=$1 python=python3 name venv staging
    if ! python_makes_venvs "$python"; then
        packages_install_for python
        python=/usr/bin/python3
    fi
    name=$({ "$python" -VV; cat "$requirements"; } | sha256sum | cut -c 1-16)
    venv="$declic_cache/venv-$name"
    if [[ ! -e $venv/complete ]]; then
        mkdir -p "$declic_cache"
        (
            flock 9
            [[ -e $venv/complete ]] && exit 0
            say "installing the tests' Python packages (once)"
            rm -rf "$venv"
            "$python" -m venv "$venv"
            staging="$venv/pip.log"
            retry 4 "$venv/bin/python" -m pip install -q --disable-pip-version-check -r "$requirements" >"$staging" 2>&1 || {
                tail -n 20 "$staging" >&2
                die "the Python packages of $requirements could not be installed"
            }
            touch "$venv/complete"
        ) 9>"$declic_cache/venv.lock"
    fi
    printf '%s\n' "$venv/bin/python"
}
