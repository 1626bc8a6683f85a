"""The boundary: a stranger's file is only ever opened in a child process that can reach nothing. Imports no Django."""
