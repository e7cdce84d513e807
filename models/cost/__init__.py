"""Pure cost formulas: how long an operation takes, how much it draws."""
