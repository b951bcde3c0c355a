"""Exports as venues give them, and the positions that they hold, counted by hand."""

from __future__ import annotations

# id, symbol, quantity, entry price, mark price, margin, collateral
Expected = tuple[str, str, str, str, str | None, str, str | None]

BINANCE_2 = """\
symbol,positionAmt,entryPrice,markPrice,unRealizedProfit,liquidationPrice,leverage,marginType,isolatedMargin,positionSide
BTCUSDT,0.500,60000.0,61000.00000000,500.00000000,0,10,isolated,3500.00000000,LONG
BTCUSDT,-0.250,62000.0,61000.00000000,250.00000000,0,10,cross,0.00000000,SHORT
ETHUSDT,0.000,0.0,3300.00000000,0.00000000,0,20,cross,0.00000000,BOTH
"""
# The row is of the short that github.com/ccxt/ccxt/pull/20003 records; the symbol is one that the pack lists.
BINANCE_WALLET = """\
symbol,positionAmt,entryPrice,markPrice,unRealizedProfit,marginType,isolatedMargin,positionSide,isolatedWallet
ATOMUSDT,-1.0,8.616,8.73600000,-0.12000000,isolated,1.45109202,BOTH,1.57109202
"""
# The first row is the example of the venue's page on positionRisk, version 3.
BINANCE_3 = """\
symbol,positionSide,positionAmt,entryPrice,markPrice,unRealizedProfit,isolatedMargin,marginAsset,isolatedWallet
ADAUSDT,BOTH,30,0.385,0.41047590,0.76427700,0,USDT,0
SOLUSDT,BOTH,-10,150,149,10,310,USDT,300
"""
BYBIT = """\
symbol,side,size,avgPrice,markPrice,tradeMode,positionIM,positionBalance,leverage
ETHUSDT,Sell,12.5,3200,3190.5,1,2010.5,,20
SOLUSDT,Buy,40,150,151,1,301,450.25,20
BTCUSDT,Buy,0.1,60000,61000,0,300,301,20
XRPUSDT,,0,0,0.5,0,,,10
"""
OKX = """\
instType,instId,mgnMode,posSide,pos,ccy,avgPx,markPx,margin,lever,notionalUsd
SWAP,BTC-USDT-SWAP,isolated,short,150,USDT,60500,61000,9100.5,10,91500.4
SWAP,ETH-USDT-SWAP,cross,net,-30,USDT,3300,3310,,10,9931
SWAP,DOGE-USDT-SWAP,cross,long,2,USDT,0.1,0.1,,10,200
"""
# The example of the venue's page on clearinghouseState: raw money -95.059824, so -95.059824 + 0.0335 x 2986.3 =
# 4.981226 is the collateral, and 100.02765 / 0.0335 = 2985.9 the mark.
HYPERLIQUID = """\
position.coin,position.szi,position.leverage.type,position.leverage.value,position.entryPx,position.positionValue,\
position.unrealizedPnl,position.marginUsed
ETH,0.0335,isolated,20,2986.3,100.02765,-0.0134,4.967826
"""
PLAIN = """\
Positions of Desk A
Id,Symbol,Side,Size,Entry Price,Mark Price,Margin Mode,Collateral,Leverage
core,BTCUSDT Perpetual,LONG,"1,250.5 BTC","60,500.25 USDT",,Isolated 20x,"9,000,000",20x
,ETH/USDT:USDT,Short,150,3 310,3300,Cross,,
,SOL-USDT,buy,1_000,$150.00,n/a,isolated,,20x
"""

CASES: dict[str, tuple[str, str, list[Expected]]] = {
    "Binance, version 2": (
        BINANCE_2,
        "Binance",
        [
            # 3500 - 500 = 3000 is the wallet of the position.
            ("btcusdt-long", "BTCUSDT", "0.5", "60000", "61000", "isolated", "3000"),
            ("btcusdt-short", "BTCUSDT", "-0.25", "62000", "61000", "cross", None),
        ],
    ),
    "Binance, wallet": (
        BINANCE_WALLET,
        "Binance",
        [("atomusdt-short", "ATOMUSDT", "-1", "8.616", "8.736", "isolated", "1.57109202")],
    ),
    "Binance, wallet not shown": (
        # 1.45109202 - (-0.12) = 1.57109202, what the venue itself gave as isolatedWallet.
        BINANCE_WALLET.replace(",isolatedWallet", "").replace(",1.57109202", ""),
        "Binance",
        [("atomusdt-short", "ATOMUSDT", "-1", "8.616", "8.736", "isolated", "1.57109202")],
    ),
    "Binance, version 3": (
        BINANCE_3,
        "Binance",
        [
            ("adausdt-long", "ADAUSDT", "30", "0.385", "0.4104759", "cross", None),
            ("solusdt-short", "SOLUSDT", "-10", "150", "149", "isolated", "300"),
        ],
    ),
    "Bybit": (
        BYBIT,
        "Bybit",
        [
            ("ethusdt-short", "ETHUSDT", "-12.5", "3200", "3190.5", "isolated", "2010.5"),
            ("solusdt-long", "SOLUSDT", "40", "150", "151", "isolated", "450.25"),
            ("btcusdt-long", "BTCUSDT", "0.1", "60000", "61000", "cross", None),
        ],
    ),
    "OKX": (
        # 91500.4 / (150 x 61000) = 0.01; 9931 / (30 x 3310) = 0.100; 200 / (2 x 0.1) = 1000.
        OKX,
        "OKX",
        [
            ("btcusdt-short", "BTCUSDT", "-1.5", "60500", "61000", "isolated", "9100.5"),
            ("ethusdt-short", "ETHUSDT", "-3", "3300", "3310", "cross", None),
            ("dogeusdt-long", "DOGEUSDT", "2000", "0.1", "0.1", "cross", None),
        ],
    ),
    "Hyperliquid": (
        HYPERLIQUID,
        "Hyperliquid",
        [("ethusdt-long", "ETHUSDT", "0.0335", "2986.3", "2985.9", "isolated", "4.981226")],
    ),
    "plain": (
        PLAIN,
        "plain",
        [
            ("core", "BTCUSDT", "1250.5", "60500.25", None, "isolated", "9000000"),
            ("ethusdt-short", "ETHUSDT", "-150", "3310", "3300", "cross", None),
            # 1000 x 150 / 20 = 7500.
            ("solusdt-long", "SOLUSDT", "1000", "150", None, "isolated", "7500"),
        ],
    ),
}
