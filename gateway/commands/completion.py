"""completion: the shell's script."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command(short_help="Shell completion.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script for SHELL.

    \b
    eval "$(callwarden completion bash)"                                   # in ~/.bashrc
    eval "$(callwarden completion zsh)"                                    # in ~/.zshrc
    callwarden completion fish > ~/.config/fish/completions/callwarden.fish
    """
    cls = get_completion_class(shell)
    if cls is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(cls(ctx.find_root().command, {}, "callwarden", "_CALLWARDEN_COMPLETE").source())


def register(group: click.Group) -> None:
    group.add_command(completion)
